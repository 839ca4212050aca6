"""What is known of clusters by their executors' reports."""

from launcher.model.wire import AllocationReport, Report
from launcher.server.floor import Floor


def report(*up):
    held = tuple(AllocationReport(name, "up") for name in up)
    return Report("lab", 1, (), held)


def test_nodes_settle_for_some_seconds_after_a_gang_gave_everything_back():
    now = [100.0]
    floor = Floor(lambda: now[0])
    floor.forget("lab")

    def settles(*up):
        floor.heard("lab", report(*up))
        (view,) = floor.clusters()
        return view.settles

    assert not settles("a.1", "b.1", "c.1")
    assert settles("b.1", "c.1")
    now[0] += 4
    assert settles("c.1")
    now[0] += 4
    assert settles("c.1")
    now[0] += 4
    assert not settles("c.1")


def test_where_jobs_end_all_the_time_nodes_do_not_settle_for_ever():
    now, names = [100.0], [f"a-{number}.1" for number in range(60)]
    floor, seen = Floor(lambda: now[0]), []
    floor.forget("lab")
    for number in range(len(names)):
        floor.heard("lab", report(*names[number:]))
        seen.append(floor.clusters()[0].settles)
        now[0] += 1
    assert seen[:3] == [False, True, True]
    assert not any(seen[20:])
