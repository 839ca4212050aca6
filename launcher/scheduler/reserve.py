"""When a blocked gang will start, and where: what the jobs behind it must leave to it.

EASY backfilling (Lifka, The ANL/IBM SP scheduling system, JSSPP 1995): the first blocked gang gets
the earliest place that the ends of the running jobs make for it. A job behind it passes when it is
over by then, or takes only what is left beside the gang then.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from launcher.scheduler.floor import Booked, Floor
from launcher.scheduler.place import has_place, place
from launcher.scheduler.room import Column, Room
from launcher.scheduler.state import Running, Waiting, WorkersByNode

LEAST_LEFT_S = 60.0
"""A job that has run for longer than was expected is not over before that."""


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


def ends_at(job: Running, now: float) -> float:
    """When a running job will be over.

    By its limit, or by what jobs of its name took. One that has run for longer, or of which nothing
    is known, is expected to run for as long again: without any knowledge that is the median (Gott,
    Nature 363, 1993).
    """
    if job.is_ending:
        return now
    if job.lasts_s is not None and job.since + job.lasts_s > now:
        return job.since + job.lasts_s
    return now + max(now - job.since, LEAST_LEFT_S)


def reserve(job: Waiting, floor: Floor, now: float) -> Reservation:
    """The earliest place of a gang that the cluster could hold and that has none now."""
    giving = Giving(floor, now)
    if not has_place(job.resources, giving.room(len(giving.ends))):
        where = place(job.resources, floor.whole) or ()
        beside = floor.whole.copy()
        beside.take(job.resources, where)
        return Reservation(job, None, where, beside, ())
    count = giving.least(lambda room: has_place(job.resources, room))
    later = giving.room(count)
    where = place(job.resources, later) or ()
    later.take(job.resources, where)
    nodes = {node for node, _ in where}
    awaits = (one for one in giving.holders[:count] if not nodes.isdisjoint(one.nodes))
    return Reservation(job, giving.ends[count - 1] if count else now, where, later, tuple(awaits))


class Giving:
    """What the jobs of a cluster give back, one after the other as they end.

    Args:
        floor: the cluster.
        now: seconds since the epoch.
        only: keys of the holdings that count; None: all.
        planned: gangs that will start here later, the last one last.
        ends: when a job ends.
    """

    def __init__(
        self,
        floor: Floor,
        now: float,
        only: Iterable[str] | None = None,
        *,
        planned: Sequence[Running] = (),
        ends: Callable[[Running, float], float] = ends_at,
    ) -> None:
        self._floor = floor
        chosen = floor.holders if only is None else {key: floor.holders[key] for key in only}
        order = [(ends(one, now), key) for key, one in chosen.items()]
        books = floor.booked
        if planned:
            later = {f"+{i}": Booked(one, floor.frame) for i, one in enumerate(planned)}
            order += [(ends(one, now), key) for key, one in zip(later, planned, strict=True)]
            books = books | later
        order.sort()
        self._taken = [books[f"+{i}"] for i in range(len(planned))]
        self.ends = [end for end, _ in order]
        self.keys = [key for _, key in order]
        self.holders = [chosen[key] for key in self.keys if key in chosen]
        self._books = [books[key] for key in self.keys]
        self._begins = [0, *accumulate(len(booked.spots) for booked in self._books)]
        self._spots = np.array([s for b in self._books for s in b.spots], np.int64)
        self._amounts: dict[str, Column] = {}
        self._first = bisect.bisect_right(self.ends, planned[-1].since) if planned else 0

    def room(self, count: int) -> Room:
        """What is free once the first `count` jobs are over."""
        free, whole = self._floor.free, self._floor.whole
        size = self._begins[count]

        def column(name: str) -> Column:
            found = free.column(name).copy()
            for booked in self._taken:
                np.subtract.at(found, booked.spots, booked.amounts.get(name, booked.nothing))
            np.add.at(found, self._spots[:size], self._amount(name)[:size])
            bounded: Column = np.minimum(found, whole.column(name))
            return bounded

        return Room(self._floor.frame, column)

    def least(self, suffices: Callable[[Room], bool]) -> int:
        """After how many ends the room suffices, if it does after all; of equal ends all count.

        Not before the last gang that is planned has started.
        """
        counts = range(self._first, len(self.ends))
        found = bisect.bisect_left(counts, True, key=lambda count: suffices(self.room(count)))
        count = self._first + found
        return bisect.bisect_right(self.ends, self.ends[count - 1]) if count else 0

    def _amount(self, name: str) -> Column:
        if name not in self._amounts:
            found = [one for b in self._books for one in b.amounts.get(name, b.nothing)]
            self._amounts[name] = np.array(found, np.int64)
        return self._amounts[name]
