"""In which order jobs pass a blocked one: whole points, then the shortest, by fair share."""

from __future__ import annotations

import pytest

from launcher.model.project import Project
from launcher.scheduler.cycle import Policy
from launcher.scheduler.decide import decide
from launcher.scheduler.state import State

DAY = 86_400.0
NOW = 100 * DAY


@pytest.fixture(scope="module")
def passes(node, cluster, waiting, running):
    """Who passes a gang of 8 on two nodes of 4, of which one is free until the other is, in a day.

    There is room for one who takes a whole node.
    """
    nodes = cluster(node("a", free_gpus=0), node("b"))
    held = running("r", ("id-a", 4), gpus_per_worker=1, since=NOW - DAY, lasts_s=2 * DAY)
    gang = waiting("gang", at=1, priority=90, workers=8, gpus_per_worker=1)

    def of(*jobs, policy=None, held=(held,), **more):
        state = State((nodes,), (gang, *jobs), tuple(held), **more)
        return [one.job_id for one in decide(state, NOW, policy).placements]

    return of


@pytest.fixture(scope="module")
def job(waiting):
    """One that takes a whole node; waited and lasts in seconds."""

    def build(name, *, waited=0.0, lasts=3600.0, **more):
        gang = {"gpus_per_worker": 4} | more
        return waiting(name, at=NOW - waited, lasts_s=lasts, **gang)

    return build


def test_of_equal_whole_points_the_shortest_passes_first(passes, job):
    jobs = [job("first", waited=3600.0, lasts=7200.0), job("short", lasts=600.0)]
    assert passes(*jobs) == ["short"]
    assert passes(*jobs, policy=Policy(shortest_first=False)) == ["first"]


def test_a_point_of_priority_goes_before_the_shortest(passes, job):
    urgent = job("urgent", lasts=7200.0, priority=51)
    assert passes(urgent, job("short", lasts=600.0)) == ["urgent"]


def test_a_day_of_waiting_goes_before_the_shortest(passes, job):
    assert passes(job("old", waited=1.01 * DAY, lasts=7200.0), job("short", lasts=600.0)) == ["old"]
    young = job("young", waited=0.99 * DAY, lasts=7200.0)
    assert passes(young, job("short", lasts=600.0)) == ["short"]


def test_one_of_unknown_length_passes_after_all_others(passes, job):
    unknown = job("unknown", waited=3600.0, lasts=None, gpus_per_worker=0, cpus_per_worker=6)
    known = job("known", gpus_per_worker=0, cpus_per_worker=6, lasts=80_000.0)
    assert passes(unknown, known) == ["known", "unknown"]  # it fits beside the gang


def test_who_had_more_than_his_share_counts_as_longer(passes, job, running):
    mine = running(
        "r", ("id-a", 4), gpus_per_worker=1, since=NOW - DAY, lasts_s=2 * DAY, project="vision"
    )
    short, longer = job("short", project="vision", lasts=3000.0), job("longer", lasts=3600.0)
    assert passes(short, longer) == ["short"]
    assert passes(short, longer, held=[mine]) == ["longer"]
    tiny = job("tiny", project="vision", lasts=300.0)
    assert passes(tiny, longer, held=[mine]) == ["tiny"]


def test_among_those_as_long_the_one_with_more_points_passes_first(passes, job):
    assert passes(job("b", waited=60.0), job("a", waited=30.0)) == ["b"]


def test_one_that_borrows_has_waited_for_nothing(passes, job):
    quota = (Project("vision", gpus=1),)
    old = job("old", waited=3 * DAY, lasts=7200.0, project="vision", preemptible=True)
    young = job("young", waited=60.0)
    assert passes(old, young) == ["old"]
    assert passes(old, young, projects=quota) == ["young"]


def test_a_job_over_its_quota_lets_those_of_others_pass(passes, job):
    quota = (Project("vision", gpus=1),)
    over = job("over", lasts=600.0, project="vision")
    assert passes(over, job("other")) == ["over"]
    assert passes(over, job("other"), projects=quota) == ["other"]


def test_until_somebody_is_blocked_the_shortest_has_no_advantage(passes, job, node, cluster):
    jobs = (job("first", waited=60.0, lasts=7200.0), job("short", lasts=600.0))
    free = State((cluster(node("a")),), jobs)
    assert [one.job_id for one in decide(free, NOW).placements] == ["first"]
