"""GET /jobs/{ref}/series and /curves: what charts are drawn from."""

import pytest
from in_process import with_query


def only(server, job, **query):
    """The one curve of an answer."""
    (curve,) = server.get(f"/jobs/{job}/curves", **query)["curves"]
    return curve


def test_series_are_listed_without_their_points(server, agent, job):
    agent.points(4, 2, loss=0.5, acc=float("nan"))
    assert server.get(f"/jobs/{job}/series")["series"] == [
        {
            "name": name,
            "rank": 0,
            "kind": "reported",
            "count": 2,
            "first_step": 2,
            "last_step": 2,
            "last_value": value,
            "source": "",
        }
        for name, value in (("acc", "nan"), ("loss", 0.5))
    ]
    assert "loss" not in [
        one["name"] for one in server.get(f"/jobs/{job}/series", kind="system")["series"]
    ]


def test_a_job_without_points_has_no_curves(server, job):
    answer = server.get(f"/jobs/{job}/curves")
    assert (answer["curves"], answer["marks"], answer["left_out"]) == ([], [], 0)
    assert server.get(f"/jobs/{job}/curves", name="loss")["curves"] == []


def test_a_curve_has_its_points_in_the_order_of_steps(server, agent, job):
    agent.points(3, 1, 2, loss=0.5)
    curve = only(server, job)
    assert (curve["name"], curve["rank"], curve["count"]) == ("loss", 0, 3)
    assert (curve["xs"], curve["ys"], curve["odd"]) == ([1, 2, 3], [0.5] * 3, [])


def test_attempts_are_one_curve(server, agent, job):
    agent.points(1, 2, 3, loss=1.0)
    agent.points(2, attempt=2, loss=2.0)
    curve = only(server, job)
    assert (curve["xs"], curve["ys"]) == ([1, 2], [1.0, 2.0])


def test_what_is_no_number_is_null_and_named_in_odd(server, agent, job):
    offset = 0
    for step, value in enumerate([1.0, float("nan"), float("inf"), float("-inf")]):
        (offset,) = agent.points(step, offset=offset, loss=value)
    curve = only(server, job)
    assert curve["ys"] == [1.0, None, None, None]
    assert curve["odd"] == [[1, "nan"], [2, "inf"], [3, "-inf"]]


def test_two_ranks_that_report_one_name_give_two_curves(server, agent, job):
    agent.points(1, rank=0, loss=0.5)
    agent.points(1, rank=1, loss=0.7)
    curves = server.get(f"/jobs/{job}/curves", name="loss")["curves"]
    assert [(one["rank"], one["ys"]) for one in curves] == [(0, [0.5]), (1, [0.7])]
    assert only(server, job, rank=1)["ys"] == [0.7]


def test_a_long_curve_is_thinned_and_keeps_its_peaks(server, agent, job):
    (offset,) = agent.points(*range(5000), loss=0.5)
    (offset,) = agent.points(5000, offset=offset, loss=9.0)
    agent.points(*range(5001, 10000), offset=offset, loss=0.5)
    curve = only(server, job, width=10)
    assert (len(curve["xs"]) <= 22, curve["count"]) == (True, 10_000)
    assert curve["xs"] == sorted(curve["xs"])
    assert (5000, 9.0) in list(zip(curve["xs"], curve["ys"], strict=True))


def test_a_part_of_a_curve_comes_with_its_neighbours(server, agent, job):
    agent.points(*range(10), loss=0.5)
    part = {"from": 3.5, "to": 6}
    assert only(server, job, **part)["xs"] == [3, 4, 5, 6, 7]


def test_a_curve_is_drawn_over_time(server, agent, job):
    offset = agent.points(1, at=100.0, loss=1.0)[0]
    agent.points(2, at=90.0, offset=offset, loss=2.0)
    curve = only(server, job, x="time")
    assert (curve["xs"], curve["ys"]) == ([90.0, 100.0], [2.0, 1.0])


def test_checkpoints_are_marked(server, agent, job):
    agent.points(1, 2, loss=0.5)
    agent.commit(2, {"model.pt": b"x"})
    (mark,) = server.get(f"/jobs/{job}/curves")["marks"]
    assert (mark["kind"], mark["step"], mark["attempt"]) == ("checkpoint", 2, 1)


def test_without_names_the_first_twelve_series_are_drawn(server, agent, job):
    agent.points(1, **{f"m{number:02}": 1.0 for number in range(20)})
    answer = server.get(f"/jobs/{job}/curves")
    assert [curve["name"] for curve in answer["curves"]] == [f"m{n:02}" for n in range(12)]
    assert answer["left_out"] == 8


def test_who_follows_from_the_cursor_is_told_what_the_curves_lack(server, agent, job):
    (spool,) = agent.points(1, loss=0.5)
    (log,) = agent.log(b"told\n")
    cursor = server.get(f"/jobs/{job}/curves")["cursor"]
    agent.points(2, offset=spool, loss=0.25)
    agent.log(b"new\n", offset=log)
    agent.end()
    story = server.story(job, cursor=cursor)
    points = [record.data for record in story if record.kind == "metrics"]
    logs = [record.data for record in story if record.kind == "log"]
    assert len(points) == len(logs) == 1
    assert '"step": 2' in points[0] or '"step":2' in points[0]


@pytest.mark.parametrize(
    "query", [{"width": 0}, {"x": "epoch"}, {"kind": "own"}, {"from": "nan"}, {"rank": -1}]
)
def test_a_wrong_question_is_refused(server, job, query):
    assert server.ask("GET", with_query(f"/jobs/{job}/curves", **query)).status == 422


def test_a_sparkline_shows_the_loss_and_grows(server, agent, job):
    (offset,) = agent.points(*range(100), acc=1.0, val_loss=9.0, loss=0.5)
    now = server.services.sparklines._clock = server.monotonic
    answer = server.get("/sparklines", job=[job, "none-aaaaaa"])
    (line,) = answer["sparklines"]
    assert (line["job"], line["name"], line["rank"], answer["later"]) == (job, "loss", 0, [])
    assert 15 <= len(line["ys"]) <= 30
    assert set(line["ys"]) == {0.5}
    agent.points(1000, offset=offset, loss=0.25)
    assert server.get("/sparklines", job=job)["sparklines"] == [line]
    now.now += 1.5
    (grown,) = server.get("/sparklines", job=job)["sparklines"]
    assert (grown["xs"][-1] <= 1000, grown["ys"][-1]) == (True, 0.25)


def test_each_name_is_told_in_figures_of_the_lowest_rank_that_has_it(server, agent, job):
    agent.points(1, 2, rank=1, loss=9.0)
    agent.points(1, 2, 3, loss=0.5, accuracy=float("nan"))
    found = server.get(f"/jobs/{job}/summaries")["summaries"]
    assert [(one["name"], one["rank"], one["count"], one["last"]) for one in found] == [
        ("accuracy", 0, 3, "nan"),
        ("loss", 0, 3, 0.5),
    ]
    assert found[1]["lowest"] == found[1]["highest"] == found[1]["median"] == 0.5
