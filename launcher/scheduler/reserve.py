"""When a blocked gang will start, and where: what the jobs behind it must leave to it.

EASY backfilling (Lifka, The ANL/IBM SP scheduling system, JSSPP 1995): the first blocked gang gets
the earliest place that the ends of the running jobs make for it. A job behind it passes when it is
over by then, or takes only what is left beside the gang then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from launcher.scheduler.floor import Floor
from launcher.scheduler.giving import Giving, soon
from launcher.scheduler.place import has_place, place
from launcher.scheduler.prospect import Grown, is_there
from launcher.scheduler.room import Room
from launcher.scheduler.state import Running, Waiting, WorkersByNode


@dataclass
class Reservation:
    """The place of the first blocked gang of a cluster."""

    job: Waiting
    at: float | None
    """When it can start, as far as can be foreseen; None: that depends on others than jobs."""
    where: WorkersByNode
    beside: Room
    """What is left at that moment beside the gang."""
    awaits: tuple[Running, ...]
    """The jobs whose ends it waits for, on its nodes, the last one last."""
    claims: Mapping[str, int] = field(default_factory=dict)
    """By pool: how many nodes it will want of it that it cannot use yet."""

    def lets_pass(self, lasts_s: float | None, now: float) -> bool:
        """True when what starts now and lasts so long is over before the gang starts."""
        return self.at is not None and lasts_s is not None and now + lasts_s <= self.at


def reserve(job: Waiting, floor: Floor, now: float) -> Reservation:
    """The earliest place of a gang that the cluster could hold and that has none now."""
    giving = Giving(floor, now)
    at = giving.earliest(lambda room: has_place(job.resources, room))
    if at is None:
        where, claims = _whole(job, floor)
        beside = floor.whole.copy()
        beside.take(job.resources, where)
        return Reservation(job, None, where, beside, (), claims)
    later = giving.room(at)
    where = place(job.resources, later) or ()
    later.take(job.resources, where)
    awaits = giving.over_by(at, [node for node, _ in where])
    return Reservation(job, max(at, now), where, later, awaits)


def hope(job: Waiting, floors: Iterable[Floor]) -> tuple[str, Reservation] | None:
    """The cluster that grows for a gang, and what is kept for it meanwhile of the nodes there.

    Of several the one that needs the fewest more nodes. None where none has to grow, or could.
    Where no more nodes are to be had for the time being nothing is kept: those behind may pass.
    """
    found = []
    for floor in floors:
        if floor.prospect is not None:
            left = floor.prospect.left(soon(floor))
            grown = floor.prospect.find(job.resources.smallest, left, {})
            if grown is not None:
                found.append((sum(grown.more.values()), floor.name, floor, grown))
    if not found:
        return None
    count, name, floor, grown = min(found, key=lambda one: one[:2])
    if not count or _is_troubled(floor, grown):
        return None
    where = _there(grown.where)
    beside = floor.free.copy()
    beside.take(job.resources, where)
    return name, Reservation(job, None, where, beside, ())


def _whole(job: Waiting, floor: Floor) -> tuple[WorkersByNode, Mapping[str, int]]:
    """Where it goes once nothing else runs: nodes that are there, those that are not by pool."""
    where = place(job.resources, floor.whole)
    if where is not None or floor.prospect is None:
        return where or (), {}
    left = floor.prospect.left(floor.whole)
    grown = floor.prospect.find(job.resources.smallest, left, {})
    if grown is None or _is_troubled(floor, grown):
        return (), {}
    return _there(grown.where), grown.more


def _is_troubled(floor: Floor, grown: Grown) -> bool:
    """It takes nodes that are not to be had for the time being."""
    return any(pool.trouble and pool.name in grown.more for pool in floor.view.pools.pools)


def _there(where: WorkersByNode) -> WorkersByNode:
    return tuple(one for one in where if is_there(one[0]))
