"""What holds for every queue on every cluster, however odd."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from worlds import UNITS, gangs, node_views

from launcher.model.job import Resources
from launcher.scheduler.decide import decide
from launcher.scheduler.fits import never_fits
from launcher.scheduler.place import has_place, lacking, place
from launcher.scheduler.room import Room, matches
from launcher.scheduler.state import ClusterView, NodeView, Running, State, Waiting


@st.composite
def queues(draw, size=6):
    """Waiting jobs, some in their back-off at time 10."""
    return tuple(
        Waiting(
            job_id=f"job-{index}",
            name="job",
            priority=draw(st.integers(0, 2)),
            submitted_at=draw(st.integers(0, 3)),
            queued_at=5.0,
            not_before=draw(st.sampled_from([0.0, 0.0, 20.0])),
            cluster=draw(st.sampled_from(["any", "any", "lab", "prod", "gone"])),
            resources=draw(gangs()),
        )
        for index in range(draw(st.integers(0, size)))
    )


@st.composite
def states(draw):
    clusters = []
    for name in ("lab", "prod"):
        nodes = draw(node_views(cluster=name, count=st.integers(0, 3)))
        busy = tuple(replace(node, free=draw(parts_of(node.total))) for node in nodes)
        clusters.append(ClusterView(name, busy, is_live=draw(st.integers(0, 3)) > 0, silent_s=40))
    return State(tuple(clusters), draw(queues()))


def parts_of(total):
    return st.fixed_dictionaries(
        {name: st.sampled_from([0, amount / 2, amount]) for name, amount in total.items()}
    )


# --- one gang -------------------------------------------------------------------------------------


def fit(gang, nodes):
    return place(gang, Room.reported(nodes))


def largest_placements(gang: Resources, nodes: tuple[NodeView, ...]) -> list[Counter[str]]:
    """Every way to lay the gang with as many workers as have a place."""
    for workers in range(gang.workers, (gang.fewest or gang.workers) - 1, -1):
        if ways := list(legal_placements(gang.of(workers), nodes)):
            return ways
    return []


def legal_placements(gang: Resources, nodes: tuple[NodeView, ...]) -> Iterator[Counter[str]]:
    """Every way to lay the gang, by trying all."""
    rooms = [brute_room(gang, node) for node in nodes]
    for ranks in product(*(range(room + 1) for room in rooms)):
        used = [number for number in ranks if number]
        if sum(used) == gang.workers and is_in_shape(gang, used):
            yield Counter({n.node_id: r for n, r in zip(nodes, ranks, strict=True) if r})


def brute_room(gang: Resources, node: NodeView) -> int:
    room = 0
    while room < gang.workers and matches(node, gang) and holds(gang, node, room + 1):
        room += 1
    return room


def holds(gang: Resources, node: NodeView, ranks: int) -> bool:
    return all(
        ranks * round(each * UNITS) <= round(node.free.get(name, 0) * UNITS)
        for name, each in gang.per_worker().items()
    )


def is_in_shape(gang: Resources, used: list[int]) -> bool:
    if gang.nodes is not None and len(used) != gang.nodes:
        return False
    if gang.placement == "single_node" and len(used) != 1:
        return False
    if gang.uneven:
        return max(used) <= (gang.workers_per_node or gang.workers)
    return len(set(used)) == 1 and used[0] == (gang.workers_per_node or used[0])


@given(gangs(), node_views(count=st.integers(0, 4)))
def test_fit_finds_a_place_whenever_trying_all_does(gang, nodes):
    legal = largest_placements(gang, nodes)
    ranks = fit(gang, nodes)
    assert (ranks is not None) == bool(legal)
    assert has_place(gang, Room.reported(nodes)) == bool(legal)
    if ranks is None:
        return
    assert Counter(dict(ranks)) in legal
    best = max if gang.placement == "spread" else min
    assert len(ranks) == best(len(way) for way in legal)


@given(gangs(), node_views())
def test_the_node_with_most_ranks_is_node_zero(gang, nodes):
    ranks = fit(gang, nodes) or ()
    assert list(ranks) == sorted(ranks, key=lambda pair: (-pair[1], pair[0]))


@given(gangs().filter(lambda gang: gang.uneven), node_views())
def test_uneven_ranks_differ_only_where_a_node_is_full(gang, nodes):
    ranks = dict(fit(gang, nodes) or ())
    for node in nodes:
        if node.node_id in ranks and ranks[node.node_id] < max(ranks.values()) - 1:
            most = min(brute_room(gang, node), gang.workers_per_node or gang.workers)
            assert ranks[node.node_id] == most


@given(gangs(), node_views())
def test_what_is_lacking_is_lacking_however_much_of_all_else_there_is(gang, nodes):
    if fit(gang, nodes) is not None:
        return
    names = set(gang.per_worker())
    short = set(lacking(gang, Room.reported(nodes)))
    assert (fit(gang, with_plenty(nodes, names)) is not None) == bool(short)
    if short != names:  # else they may have no place only together
        assert all(fit(gang, with_plenty(nodes, names - {name})) is None for name in short)


def with_plenty(nodes, names):
    plenty = dict.fromkeys(names, 1000)
    return [replace(node, free=dict(node.free) | plenty) for node in nodes]


# --- the queue ------------------------------------------------------------------------------------


@given(states())
def test_every_job_is_placed_or_told_why_not(reasons, state):
    told = reasons(state, now=10.0)
    placed = [placement.job_id for placement in decide(state, now=10.0).placements]
    assert sorted([*placed, *told]) == sorted(job.job_id for job in state.waiting)
    assert all(told.values())


@given(states(), st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_reported_changes_nothing(state, order):
    decisions = decide(state, now=10.0)
    clusters = [replace(view, nodes=shuffled(view.nodes, order)) for view in state.clusters]
    mixed = State(shuffled(clusters, order), shuffled(state.waiting, order))
    assert decide(mixed, now=10.0) == decisions


def shuffled(things, order: random.Random):
    return tuple(order.sample(list(things), len(list(things))))


@given(gangs(), node_views())
def test_a_job_alone_on_an_empty_cluster_is_placed_exactly_if_submit_takes_it(reasons, gang, nodes):
    job = Waiting("digits", "digits", 50, 0.0, 0.0, 0.0, "any", gang)
    local = ClusterView("local", nodes)
    refused = never_fits(gang, [local], "any")
    decisions = decide(State((local,), (job,)), now=0.0)
    assert [p.workers_by_node for p in decisions.placements] == [fit(gang, nodes)] * (not refused)
    if refused:
        assert reasons(State((local,), (job,)), now=0.0) == {"digits": refused.message}
        assert refused.hint


# --- many cycles ----------------------------------------------------------------------------------


class Machine:
    """One cluster as it truly is, beside what its executor reported last."""

    def __init__(self, nodes: tuple[NodeView, ...]) -> None:
        self.nodes = nodes
        self.view = ClusterView("local", nodes)
        self.running: tuple[Running, ...] = ()

    def used(self) -> dict[str, Counter[str]]:
        """Fixed-point units by node and resource."""
        used: dict[str, Counter[str]] = {node.node_id: Counter() for node in self.nodes}
        for job in self.running:
            for node_id, ranks in job.workers_by_node:
                for name, each in job.resources.per_worker().items():
                    used[node_id][name] += ranks * round(each * UNITS)
        return used

    def report(self) -> None:
        """`nodes` are free of all but strangers; the report also knows all that is granted."""
        used = self.used()
        left = [
            {name: has - used[node.node_id][name] / UNITS for name, has in node.free.items()}
            for node in self.nodes
        ]
        seen = zip(self.nodes, left, strict=True)
        self.view = ClusterView("local", tuple(replace(n, free=free) for n, free in seen))
        self.running = tuple(replace(job, is_counted=True) for job in self.running)

    def cycle(self, waiting: tuple[Waiting, ...]) -> None:
        resources = {job.job_id: job.resources for job in waiting}
        decisions = decide(State((self.view,), waiting, self.running), now=10.0)
        self.running += tuple(
            Running(p.job_id, "job", "local", p.workers_by_node, resources[p.job_id])
            for p in decisions.placements
        )

    def is_overcommitted(self) -> bool:
        used = self.used()
        return any(
            units > round(node.free.get(name, 0) * UNITS)
            for node in self.nodes
            for name, units in used[node.node_id].items()
        )


@given(st.data(), node_views())
def test_no_node_is_overcommitted_however_late_the_reports_are(data, nodes):
    strangers = [data.draw(parts_of(node.total)) for node in nodes]
    machine = Machine(tuple(replace(n, free=f) for n, f in zip(nodes, strangers, strict=True)))
    for number in range(data.draw(st.integers(1, 5))):
        if data.draw(st.booleans()):
            machine.report()
        if data.draw(st.booleans()):
            machine.running = machine.running[1:]
        queue = data.draw(queues(size=4))
        machine.cycle(tuple(replace(job, job_id=f"{job.job_id}-{number}") for job in queue))
        assert not machine.is_overcommitted()
