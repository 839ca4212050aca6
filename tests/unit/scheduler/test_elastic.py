"""Gangs that may have any number of workers from one to another."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from test_invariants import carried_out, waiting_again
from worlds import NOW, elastic_worlds

from launcher.model.job import Resources
from launcher.model.project import Project
from launcher.scheduler.decide import decide, scheduler_of
from launcher.scheduler.place import place
from launcher.scheduler.room import Room
from launcher.scheduler.state import Growth, State, started


def elastic(fewest, most, **more):
    return Resources(most, gpus_per_worker=1, fewest=fewest, **more)


@pytest.mark.parametrize(
    ("gang", "workers"),
    [
        (elastic(1, 8), {"a": 4, "b": 2}),  # with uneven numbers all six
        (elastic(1, 3), {"a": 3}),
        (elastic(7, 8), None),
    ],
)
def test_it_gets_as_many_workers_as_have_a_place(gang, workers, node):
    room = Room.whole([node("a", gpus=4), node("b", gpus=2)])
    found = place(replace(gang, uneven=True), room)
    assert ({name.removeprefix("id-"): n for name, n in found or ()} or None) == workers


def test_numbers_that_cannot_be_spread_evenly_are_left_out(node):
    room = Room.whole([node("a", gpus=4), node("b", gpus=2)])
    assert dict(place(elastic(1, 8), room)) == {"id-a": 4}
    assert dict(place(elastic(1, 8, workers_per_node=2), room)) == {"id-a": 2, "id-b": 2}
    assert place(elastic(5, 8), room) is None


def test_it_takes_no_more_than_the_quota_of_its_project_lets(node, cluster, waiting):
    job = replace(waiting("bert", project="vision"), resources=elastic(1, 4))
    state = State((cluster(node("a", gpus=4)),), (job,), projects=(Project("vision", gpus=3),))
    (placed,) = decide(state, NOW).placements
    assert placed.workers_by_node == (("id-a", 3),)


def test_it_waits_for_what_it_held_before_to_come_back(node, cluster, waiting, running):
    job = replace(waiting("bert"), resources=elastic(1, 4))
    leaving = running("bert", ("id-a", 3), gpus_per_worker=1, is_ending=True)
    view = cluster(node("a", gpus=4))
    assert decide(State((view,), (job,), (leaving,)), NOW).placements == ()
    (placed,) = decide(State((view,), (job,)), NOW).placements
    assert placed.workers_by_node == (("id-a", 4),)


@pytest.mark.parametrize(
    ("given_back_s", "in_a_row_s", "queued_s", "workers"),
    [(1, 1, 9000, None), (10, 10, 9000, 2), (1, 600, 9000, 2), (1, 600, 2, None), (1, 600, 20, 2)],
)
def test_it_waits_a_little_for_the_nodes_to_say_what_came_free(
    *, node, cluster, waiting, given_back_s, in_a_row_s, queued_s, workers
):
    """Not for ever where jobs end all the time, but of what it just left itself in any case."""
    job = replace(waiting("bert"), resources=elastic(1, 4), queued_at=NOW - queued_s)
    view = cluster(node("a", gpus=4, free_gpus=2))
    view = replace(view, given_back_s=given_back_s, gives_back_s=in_a_row_s)
    placed = [one.workers_by_node for one in decide(State((view,), (job,)), NOW).placements]
    assert placed == ([(("id-a", workers),)] if workers else [])


def test_one_that_grows_goes_before_whoever_came_meanwhile(node, cluster, waiting):
    grows = replace(waiting("bert", priority=10), resources=elastic(1, 4), resizes=True)
    others = [waiting(f"new-{i}", priority=90, gpus_per_worker=1) for i in range(4)]
    (placed,) = decide(State((cluster(node("a", gpus=4)),), (*others, grows)), NOW).placements
    assert placed.job_id == "bert"


def test_what_it_waits_for_is_its_smallest_gang(node, cluster, waiting, running, reasons):
    job = replace(waiting("bert"), resources=elastic(2, 8))
    behind = waiting("late", at=1.0, gpus_per_worker=1)
    held = running("other", ("id-a", 3), gpus_per_worker=1)
    state = State((cluster(node("a", gpus=4, free_gpus=1)),), (job, behind), (held,))
    told = reasons(state, NOW)
    assert told["bert"].startswith("needs at least 2 GPUs, 1 is free (node-a: 1 of 4;")
    assert told["late"].startswith("waits behind bert, which needs at least 2 GPUs")


# --- growing -------------------------------------------------------------------------------------


@pytest.fixture
def grown(node, cluster, waiting):
    """What is decided for an elastic job of 1 to 4 workers that saved just now, and has 2."""

    def decided(*, others=(), gpus=4, projects=(), waits=(), **more):
        wish = elastic(1, 4)
        job = replace(waiting("bert"), resources=wish)
        one = started(job, "local", (("id-a", 2),), NOW - 5000)
        one = replace(one, wish=wish, saved_at=NOW - 1, grows_from=NOW - 1)
        running = replace(one, **more), *others
        state = State((cluster(node("a", gpus=gpus)),), tuple(waits), running, projects)
        return decide(state, NOW).growths

    return decided


def test_it_grows_into_what_nobody_needs(grown):
    assert grown() == (Growth("bert", 4),)
    assert grown(gpus=3) == (Growth("bert", 3),)


@pytest.mark.parametrize(
    "more",
    [
        {"grows_from": NOW + 1},
        {"saved_at": None},
        {"saved_at": NOW - 60},  # the work since would be lost
        {"is_ending": True},
        {"gpus": 2},
    ],
)
def test_it_goes_on_as_it_is(grown, more):
    assert grown(**more) == ()


def test_it_does_not_grow_while_somebody_waits_for_the_cluster(grown, waiting):
    waits = waiting("big", workers=4, gpus_per_worker=1)
    assert grown(waits=[waits]) == ()


def test_it_does_not_grow_while_something_is_on_its_way_back(grown, running):
    leaving = running("old", ("id-a", 1), gpus_per_worker=1, is_ending=True)
    assert grown(others=[leaving]) == ()


def test_it_does_not_grow_beyond_the_quota_of_its_project(grown):
    projects = (Project("vision", gpus=3),)
    assert grown(project="vision", projects=projects) == (Growth("bert", 3),)


@given(elastic_worlds())
def test_whoever_grows_comes_back_with_so_many_workers(state: State):
    decisions = decide(state, NOW)
    now = carried_out(state, decisions)
    for growth in decisions.growths:
        one = next(one for one in now.running if one.job_id == growth.job_id)
        assert growth.workers > one.resources.workers
        assert one.may_grow(NOW)
        job = replace(waiting_again(one), cluster=one.cluster, resizes=True)
        running = tuple(other for other in now.running if other is not one)
        again = decide(replace(now, waiting=(*now.waiting, job), running=running), NOW)
        placed = next(p for p in again.placements if p.job_id == growth.job_id)
        assert sum(workers for _, workers in placed.workers_by_node) == growth.workers


@given(elastic_worlds())
def test_nobody_grows_where_somebody_waits(state: State):
    scheduler = scheduler_of(state)
    decisions = scheduler.decide(NOW)
    for growth in decisions.growths:
        one = next(one for one in state.running if one.job_id == growth.job_id)
        assert one.cluster not in scheduler.last.reservations


@given(elastic_worlds())
def test_a_cluster_grows_one_job_at_a_time(state: State):
    cluster_of = {one.job_id: one.cluster for one in state.running}
    growing = [cluster_of[growth.job_id] for growth in decide(state, NOW).growths]
    assert len(growing) == len(set(growing))
