"""What clusters are asked to grow by: the nodes with which policy would start those that wait.

An autoscaler counts what would fit on empty nodes, and knows nothing of gangs. So it is asked for
whole nodes: those that are held or meant for somebody, and those that shall come. What it packs how
makes no difference then.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping

from launcher.model.pools import AskedNode, bundle
from launcher.scheduler.cycle import Cycle
from launcher.scheduler.floor import Floor
from launcher.scheduler.giving import soon
from launcher.scheduler.kind import Kind
from launcher.scheduler.place import place
from launcher.scheduler.prospect import Grown, is_there
from launcher.scheduler.room import units
from launcher.scheduler.state import (
    ANY,
    NOTHING_ASKED,
    Lacking,
    NodeView,
    Running,
    Scaling,
    Waiting,
    WorkersByNode,
    started,
)

_LOOKED_AT = 200
"""So many of the queue are asked for at once; those behind them are when these have started."""
_NODE_ID = "ray.io/node-id"
"""The label by which Ray tells its nodes apart."""


def scale(cycle: Cycle) -> Scaling:
    """What all clusters shall be asked for.

    Args:
        cycle: whoever waits and has a place got it.
    """
    hopes = {floor.name: _Hope(floor) for floor in cycle.floors if floor.view.pools.pools}
    if not hopes:
        return NOTHING_ASKED
    preempting = {one.by for one in cycle.preemptions}
    for name, reservation in cycle.reservations.items():
        if name in hopes:
            hopes[name].reserve(reservation.where)
            hopes[name].kept = reservation.claims
            if reservation.job.job_id in preempting:  # it gets what its victims leave
                hopes[name].take(reservation.job, reservation.where)
    found: dict[str, Lacking] = {}
    tentative: list[Running] = []
    hopeless: set[Kind] = set()
    for job in _blocked(cycle, preempting):
        kind = cycle.queue.kind(job)
        if kind in hopeless or _lacks_quota(cycle, job, kind):
            continue
        grown = _cheapest(job, kind, hopes)
        if grown is None:
            hopeless.add(kind)
            continue
        name, place_ = grown
        hopes[name].accept(job, place_)
        if place_.more:
            found[job.job_id] = Lacking(name, place_.more)
        one = started(job, name, place_.where, cycle.now)
        tentative.append(one)
        cycle.quotas.hold(one)
    for one in tentative:
        cycle.quotas.hold(one, -1)
    return Scaling(
        {name: hope.nodes() for name, hope in hopes.items()},
        {name: dict(hope.asked) for name, hope in hopes.items() if hope.asked},
        found,
    )


def _blocked(cycle: Cycle, preempting: set[str]) -> Iterator[Waiting]:
    """Those that wait for nodes and nothing else, in order."""
    left_out = preempting | {one.job_id for one in cycle.placements} | cycle.leaving.keys()
    in_turn = itertools.islice(cycle.queue.in_turn(cycle.fairness), _LOOKED_AT + len(left_out))
    return (job for job in in_turn if job.job_id not in left_out)


def _lacks_quota(cycle: Cycle, job: Waiting, kind: Kind) -> bool:
    if kind.preemptible:
        return False
    short = cycle.quotas.short(kind.needs, cycle.shares.project(job.project))
    return bool(short) or cycle.is_behind(job.project, kind)


def _cheapest(job: Waiting, kind: Kind, hopes: dict[str, _Hope]) -> tuple[str, Grown] | None:
    """Where it starts with the fewest more nodes."""
    found = [
        (sum(grown.more.values()), name, grown)
        for name, hope in sorted(hopes.items())
        if kind.cluster in {ANY, name}
        and kind.reach.allows(name)
        and (grown := hope.find(job)) is not None
    ]
    if not found:
        return None
    _, name, grown = min(found, key=lambda one: one[:2])
    return name, grown


class _Hope:
    """One cluster as it will be with what is asked for so far."""

    def __init__(self, floor: Floor) -> None:
        self._floor, self._prospect = floor, floor.prospect
        there = soon(floor)
        self._left = self._prospect.left(there) if self._prospect is not None else there
        self.asked: Counter[str] = Counter()
        self.kept: Mapping[str, int] = {}
        """By pool, how many shall not be asked for: they are for the first that is blocked."""
        self._meant: set[str] = set()
        """Nodes that are there, and meant for one that waits, or not taken by it yet: they may have
        been idle for long, and go in that moment."""
        for one in floor.holders.values():
            if not one.is_counted and not one.is_ending:
                self.reserve(one.workers_by_node)

    def find(self, job: Waiting) -> Grown | None:
        gang = job.resources.smallest
        if self._prospect is not None:
            return self._prospect.find(gang, self._left, self.asked, self.kept)
        where = place(gang, self._left)
        return Grown(where, {}) if where is not None else None

    def accept(self, job: Waiting, grown: Grown) -> None:
        """The gang shall lie there."""
        self.take(job, grown.where)
        self.asked.update(grown.more)
        if grown.more:
            self.reserve(grown.where)

    def take(self, job: Waiting, where: WorkersByNode) -> None:
        self._left.take(job.resources, where)

    def reserve(self, where: WorkersByNode) -> None:
        """What is there of it shall stay."""
        self._meant.update(node_id for node_id, _ in where if is_there(node_id))

    def nodes(self) -> tuple[AskedNode, ...]:
        """All that the cluster shall have; nothing when it may go by its own rules."""
        if not self.asked and not self._meant:
            return ()
        held = {node for one in self._floor.holders.values() for node in one.nodes}
        staying = held | self._meant
        stay = [
            AskedNode(amounts, {_NODE_ID: node.node_id} if _NODE_ID in node.labels else {})
            for node in sorted(self._floor.view.nodes, key=lambda node: node.node_id)
            if node.pool
            and (node.node_id in staying or _is_used(node) or self._stands_in_the_way(node))
            if (amounts := bundle(node.total, of_pool=False))
        ]
        pools = {pool.name: pool for pool in self._floor.view.pools.pools}
        come = [
            AskedNode(bundle(pools[name].resources, of_pool=True), pools[name].labels, count)
            for name, count in sorted(self.asked.items())
        ]
        return (*stay, *come)

    def _stands_in_the_way(self, node: NodeView) -> bool:
        """The autoscaler would take it for one that is asked for, and the gang cannot use it.

        People drain it, or the gang wants other labels, of which Ray's first autoscaler knows
        nothing.
        """
        pools = self._floor.view.pools
        return any(
            self.asked[pool.name]
            and (not pools.heeds_labels or pool.labels.items() <= node.labels.items())
            and all(
                units(node.total.get(name, 0.0)) >= units(amount)
                for name, amount in bundle(pool.resources, of_pool=False).items()
            )
            for pool in pools.pools
        )


def _is_used(node: NodeView) -> bool:
    """Somebody holds something of it, whoever that is."""
    return any(
        units(node.free.get(name, 0.0)) < units(amount)
        for name, amount in node.total.items()
        if name != "object_store_memory"  # Ray's own, which is never quite empty
    )
