"""When a blocked gang will start, and where: what the jobs behind it must leave to it.

EASY backfilling (Lifka, The ANL/IBM SP scheduling system, JSSPP 1995): the first blocked gang gets
the earliest place that the ends of the running jobs make for it. A job behind it passes when it is
over by then, or takes only what is left beside the gang then.
"""

from __future__ import annotations

from dataclasses import dataclass

from launcher.scheduler.floor import Floor
from launcher.scheduler.giving import Giving
from launcher.scheduler.place import has_place, place
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

    def lets_pass(self, lasts_s: float | None, now: float) -> bool:
        """True when what starts now and lasts so long is over before the gang starts."""
        return self.at is not None and lasts_s is not None and now + lasts_s <= self.at


def reserve(job: Waiting, floor: Floor, now: float) -> Reservation:
    """The earliest place of a gang that the cluster could hold and that has none now."""
    giving = Giving(floor, now)
    at = giving.earliest(lambda room: has_place(job.resources, room))
    if at is None:
        where = place(job.resources, floor.whole) or ()
        beside = floor.whole.copy()
        beside.take(job.resources, where)
        return Reservation(job, None, where, beside, ())
    later = giving.room(at)
    where = place(job.resources, later) or ()
    later.take(job.resources, where)
    awaits = giving.over_by(at, [node for node, _ in where])
    return Reservation(job, max(at, now), where, later, awaits)
