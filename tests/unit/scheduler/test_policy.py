"""Who goes first, who passes whom, who is put off for whom."""

from __future__ import annotations

import pytest

from launcher.model.project import Project, Usage
from launcher.scheduler.decide import decide, scheduler_of
from launcher.scheduler.state import Preemption, State

DAY = 86_400.0
NOW = 100 * DAY


@pytest.fixture(scope="module")
def world(cluster):
    """A state at NOW on one cluster."""

    def build(nodes, *jobs, held=(), projects=(), usage=()):
        return State((cluster(*nodes),), jobs, tuple(held), tuple(projects), tuple(usage))

    return build


@pytest.fixture(scope="module")
def order(world):
    def of(nodes, *jobs, **more):
        return [job.job_id for job in scheduler_of(world(nodes, *jobs, **more)).in_turn(NOW)]

    return of


@pytest.fixture(scope="module")
def placed(world):
    def of(nodes, *jobs, **more):
        return [one.job_id for one in decide(world(nodes, *jobs, **more), NOW).placements]

    return of


@pytest.fixture(scope="module")
def put_off(world):
    def of(nodes, *jobs, **more):
        return list(decide(world(nodes, *jobs, **more), NOW).preemptions)

    return of


# --- order ---------------------------------------------------------------------------------------


def test_a_day_of_waiting_counts_as_one_point_of_priority(node, waiting, order):
    old, new = waiting("old", at=NOW - 3.1 * DAY), waiting("new", at=NOW, priority=53)
    assert order([node("a")], new, old) == ["old", "new"]
    assert order([node("a")], new, waiting("old", at=NOW - 2.9 * DAY)) == ["new", "old"]


def test_among_equals_who_holds_less_goes_first(node, waiting, running, order):
    jobs = [waiting("vision", at=NOW - 9, project="vision")]
    jobs += [waiting("speech", at=NOW, project="speech")]
    held = [running("r", ("id-a", 4), gpus_per_worker=1, project="vision", since=NOW)]
    assert order([node("a")], *jobs) == ["vision", "speech"]
    assert order([node("a")], *jobs, held=held) == ["speech", "vision"]


def test_what_was_held_is_forgotten_by_half_every_week(node, waiting, order):
    jobs = [waiting("vision", at=NOW - 3600, project="vision")]
    jobs += [waiting("speech", at=NOW, project="speech")]
    week = 7 * DAY

    def used(at):
        return [Usage("vision", "", gpu_s=4 * week, cpu_s=0.0, at=at)]

    assert order([node("a")], *jobs, usage=used(NOW)) == ["speech", "vision"]
    assert order([node("a")], *jobs, usage=used(NOW - 10 * week)) == ["vision", "speech"]


def test_a_project_of_more_weight_may_hold_more(node, waiting, running, order):
    jobs = [
        waiting("vision", at=NOW, project="vision"),
        waiting("speech", at=NOW, project="speech"),
    ]
    held = [
        running("v", ("id-a", 2), gpus_per_worker=1, project="vision", since=NOW),
        running("s", ("id-b", 1), gpus_per_worker=1, project="speech", since=NOW),
    ]
    nodes = [node("a"), node("b")]
    assert order(nodes, *jobs, held=held) == ["speech", "vision"]
    heavy = [Project("vision", weight=4.0)]
    assert order(nodes, *jobs, held=held, projects=heavy) == ["vision", "speech"]


def test_users_of_a_project_share_it_alike(node, waiting, running, order):
    jobs = [waiting("ada", at=NOW - 9, user="ada"), waiting("bob", at=NOW, user="bob")]
    held = [running("r", ("id-a", 2), gpus_per_worker=1, user="ada", since=NOW)]
    assert order([node("a")], *jobs, held=held) == ["bob", "ada"]


def test_what_a_cycle_gives_counts_in_it(node, waiting, placed):
    jobs = [
        waiting(f"v{i}", at=NOW - 60 + i, project="vision", gpus_per_worker=1) for i in range(4)
    ]
    jobs += [waiting(f"s{i}", at=NOW + i, project="speech", gpus_per_worker=1) for i in range(4)]
    assert placed([node("a")], *jobs) == ["v0", "s0", "v1", "s1"]


# --- quota ---------------------------------------------------------------------------------------


def test_a_job_over_quota_waits_and_only_its_project_behind_it(node, waiting, running, placed):
    held = [running("r", ("id-a", 1), gpus_per_worker=1, project="vision")]
    jobs = [
        waiting("over", at=1, project="vision", gpus_per_worker=2),
        waiting("behind", at=2, project="vision", gpus_per_worker=1),
        waiting("no-gpu", at=3, project="vision"),
        waiting("other", at=4, gpus_per_worker=1),
    ]
    quota = [Project("vision", gpus=2)]
    nodes = [node("a", free_gpus=3)]
    assert set(placed(nodes, *jobs, held=held, projects=quota)) == {"no-gpu", "other"}


def test_the_number_of_jobs_that_run_is_a_quota_too(node, waiting, placed):
    jobs = [waiting(f"j{i}", at=i, project="vision") for i in range(3)]
    assert placed([node("a")], *jobs, projects=[Project("vision", running=2)]) == ["j0", "j1"]


def test_a_preemptible_job_may_borrow_what_is_idle(node, waiting, placed):
    job = waiting("borrows", project="vision", gpus_per_worker=4, preemptible=True)
    assert placed([node("a")], job, projects=[Project("vision", gpus=1)]) == ["borrows"]


def test_who_borrows_gains_nothing_by_waiting(node, waiting, placed):
    borrows = waiting("b", at=NOW - 9 * DAY, project="vision", gpus_per_worker=4, preemptible=True)
    other = waiting("o", at=NOW - 600, project="speech", gpus_per_worker=4)
    quota = [Project("vision", gpus=1)]
    assert placed([node("a")], borrows, other) == ["b"]
    assert placed([node("a")], borrows, other, projects=quota) == ["o"]


# --- backfill ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def blocked(node, waiting, running):
    """A gang of 8 on two nodes of 4, one of which frees in 1000 s."""
    nodes = [node("a", free_gpus=0), node("b")]
    held = [running("r", ("id-a", 4), gpus_per_worker=1, since=NOW - 1000, lasts_s=2000.0)]
    return nodes, held, waiting("gang", at=1, workers=8, gpus_per_worker=1)


def test_who_is_over_before_the_blocked_gang_starts_passes_it(blocked, waiting, placed):
    nodes, held, gang = blocked
    passes = waiting("passes", at=2, gpus_per_worker=4, lasts_s=1000.0)
    assert placed(nodes, gang, passes, held=held) == ["passes"]
    late = waiting("late", at=2, gpus_per_worker=4, lasts_s=1001.0)
    assert placed(nodes, gang, late, held=held) == []
    unknown = waiting("unknown", at=2, gpus_per_worker=4)
    assert placed(nodes, gang, unknown, held=held) == []


def test_who_takes_what_the_gang_does_not_need_passes_it(blocked, node, waiting, placed):
    nodes, held, gang = blocked
    beside = waiting("beside", at=2, cpus_per_worker=8)
    assert placed(nodes, gang, beside, held=held) == ["beside"]
    third = [*nodes, node("c")]
    two = [waiting(f"u{i}", at=2 + i, gpus_per_worker=4) for i in range(2)]
    big = waiting("gang", at=1, workers=12, gpus_per_worker=1)
    assert placed(third, big, *two, held=held) == []


def test_a_job_without_limit_is_expected_to_run_as_long_again(node, waiting, running, placed):
    held = [running("r", ("id-a", 4), gpus_per_worker=1, since=NOW - 1000)]
    nodes, gang = (
        [node("a", free_gpus=0), node("b")],
        waiting("g", at=1, workers=8, gpus_per_worker=1),
    )
    passes = waiting("passes", at=2, gpus_per_worker=4, lasts_s=900.0)
    assert placed(nodes, gang, passes, held=held) == ["passes"]
    late = waiting("late", at=2, gpus_per_worker=4, lasts_s=1100.0)
    assert placed(nodes, gang, late, held=held) == []


# --- preemption ----------------------------------------------------------------------------------


def test_the_lowest_priority_goes_then_who_loses_the_least_work(node, waiting, running, put_off):
    def one(name, priority, saved_s):
        return running(
            name,
            (f"id-{name}", 4),
            gpus_per_worker=1,
            priority=priority,
            submitted_at=NOW,
            since=NOW - 5000,
            saved_at=NOW - saved_s,
            preemptible=True,
            lasts_s=90_000.0,
        )

    held = [one("a", 20, 10), one("b", 10, 900), one("c", 10, 30), one("d", 90, 5)]
    nodes = [node(name, free_gpus=0) for name in "abcd"]
    urgent = waiting("urgent", at=NOW, priority=80, gpus_per_worker=4)
    assert put_off(nodes, urgent, held=held) == [Preemption("c", "urgent")]
    gang = waiting("gang", at=NOW, priority=80, workers=12, gpus_per_worker=1)
    assert {one.job_id for one in put_off(nodes, gang, held=held)} == {"a", "b", "c"}
    all_four = waiting("gang", at=NOW, priority=80, workers=16, gpus_per_worker=1)
    assert put_off(nodes, all_four, held=held) == []  # d stays, so it would be for nothing


VICTIM = {"priority": 10, "since": NOW - 5000, "saved_at": NOW - 9, "preemptible": True}


@pytest.mark.parametrize(
    "other",
    [
        {"preemptible": False},
        {"saved_at": None},
        {"is_ending": True},
        {"priority": 80},
        {"since": NOW - 5000, "lasts_s": 5030.0},
        {"submitted_at": NOW - 90 * DAY},
    ],
    ids=["not asked", "never saved", "ends anyway", "no lower", "ends soon", "would be ahead"],
)
def test_who_is_not_put_off(node, waiting, running, put_off, other):
    urgent = waiting("urgent", at=NOW, priority=80, gpus_per_worker=4)
    nodes = [node("a", free_gpus=0)]
    yes = running("r", ("id-a", 4), gpus_per_worker=1, **({"submitted_at": NOW} | VICTIM))
    assert put_off(nodes, urgent, held=[yes]) == [Preemption("r", "urgent")]
    no = running("r", ("id-a", 4), gpus_per_worker=1, **({"submitted_at": NOW} | VICTIM | other))
    assert put_off(nodes, urgent, held=[no]) == []


def test_nobody_more_is_put_off_while_one_is_on_its_way_out(node, waiting, running, put_off):
    one = {"gpus_per_worker": 1, "submitted_at": NOW} | VICTIM
    held = [running("a", ("id-a", 4), is_ending=True, **one), running("b", ("id-b", 4), **one)]
    urgent = waiting("urgent", at=NOW, priority=80, gpus_per_worker=4)
    nodes = [node("a", free_gpus=0), node("b", free_gpus=0)]
    assert put_off(nodes, urgent, held=held) == []


def test_what_was_borrowed_is_given_back_to_a_project_within_its_quota(
    node, waiting, running, put_off
):
    quota = [Project("vision", gpus=1), Project("speech", gpus=3)]
    borrows = {"gpus_per_worker": 1, "project": "vision", "priority": 50, "saved_at": NOW - 9}
    more = {"since": NOW - 5000, "submitted_at": NOW - 5000, "preemptible": True}
    held = [running("borrows", ("id-a", 4), **borrows, **more)]
    wants = waiting("wants", at=NOW - 60, project="speech", gpus_per_worker=3)
    nodes = [node("a", free_gpus=0)]
    assert put_off(nodes, wants, held=held, projects=quota) == [Preemption("borrows", "wants")]
    too_much = waiting("wants", at=NOW - 60, project="speech", gpus_per_worker=4, preemptible=True)
    assert put_off(nodes, too_much, held=held, projects=quota) == []
    assert put_off(nodes, wants, held=held) == []


# --- what is foretold ----------------------------------------------------------------------------


def test_starts_are_foretold_one_behind_the_other(node, waiting, running, world):
    held = [running("r", ("id-a", 4), gpus_per_worker=1, since=NOW - 1000, lasts_s=2000.0)]
    jobs = [
        waiting("first", at=1, gpus_per_worker=4, lasts_s=500.0),
        waiting("second", at=2, gpus_per_worker=2, lasts_s=300.0),
        waiting("third", at=3, gpus_per_worker=4),
        waiting("fourth", at=4, gpus_per_worker=1),
    ]
    scheduler = scheduler_of(world([node("a", free_gpus=0)], *jobs, held=held))
    scheduler.decide(NOW)
    starts = {job_id: at - NOW for job_id, at in scheduler.starts(10).items()}
    assert starts == {"first": 1000.0, "second": 1500.0, "third": 1800.0}  # nobody knows its end


def test_nothing_is_foretold_where_a_job_has_no_limit(node, waiting, running, world):
    held = [running("r", ("id-a", 4), gpus_per_worker=1, since=NOW - 1000)]
    scheduler = scheduler_of(
        world([node("a", free_gpus=0)], waiting("w", gpus_per_worker=1), held=held)
    )
    scheduler.decide(NOW)
    assert scheduler.starts(10) == {}
    assert scheduler.position("w", NOW) == 1
