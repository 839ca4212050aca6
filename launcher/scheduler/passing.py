"""Who passes a blocked job, once each cluster has one: in which order those behind it are asked.

Whole points go first: a job's priority and the full days that it has waited. Among jobs of equal
whole points the shortest goes first, so that those who wait for minutes do not wait for those who
run for days. The time of an owner who had more than his share counts for longer: it is divided by
his fair-share factor, lest many short jobs be a way around it. Whose length is not known goes last.

A queue has many kinds of job, and after most cycles hardly one of them has a place: a kind is
looked into only when it may have the next job, and a place for it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Container
from typing import TypeAlias

from launcher.scheduler.cycle import Cycle
from launcher.scheduler.kind import Kind
from launcher.scheduler.queue import owner_of
from launcher.scheduler.shares import Owner
from launcher.scheduler.state import Waiting

Rank: TypeAlias = tuple[float, float, float]
"""Minus the whole points; the length; minus the points. Smaller goes first."""
Candidate: TypeAlias = tuple[Rank, float, str, Owner, int]
"""The next job of a lane: its rank, submission and id, whose lane, and where it stands in it."""
_CLOSE = 1e-6
"""Of a point: so much less than a whole one is one, as floats go."""


class Passing:
    """Use it as `while (job := passing.next()): ...; passing.found(...)`.

    Args:
        cycle: every cluster that a waiting job wants has its first blocked job in it.
        placed: ids of jobs that have their place already.
    """

    def __init__(self, cycle: Cycle, placed: Container[str]) -> None:
        self._cycle, self._queue, self._placed = cycle, cycle.queue, placed
        self._by_length = cycle.policy.shortest_first
        self._gained = cycle.queue.points(0.0, cycle.now) + _CLOSE
        """What all have gained by now; of each, points are that without its `less`."""
        self._lanes: dict[Kind, list[Candidate]] = {}
        """Of kinds that were looked into: the next of each lane, a heap."""
        known = cycle.queue.kinds.values() if cycle.policy.backfill else ()
        kinds = (kind for kind in known if kind.lanes)
        self._kinds = [(self._bound(kind), -math.inf, "", i, kind) for i, kind in enumerate(kinds)]
        """By the first candidate of each, a heap; of a kind not looked into by what comes before
        all of its jobs."""
        heapq.heapify(self._kinds)

    def next(self) -> Waiting | None:
        """The next job in order; None: nobody is left who could start."""
        while self._kinds:
            rank, _, job_id, index, kind = self._kinds[0]
            lanes = self._lanes.get(kind)
            if lanes is None:
                lanes = self._lanes[kind] = self._look_into(kind)
            elif kind not in self._cycle.dead:
                job = self._queue.jobs[job_id]
                true = self._rank(kind, job)
                if job_id in self._placed:
                    self._go_on(kind)
                elif true > rank:  # its project got something meanwhile, or it borrows
                    heapq.heapreplace(lanes, (true, *lanes[0][1:]))
                else:
                    return job
            self._sort_in(index, kind)
        return None

    def found(self, *, place: bool) -> None:
        """Whether the last job found a place; without one, those of its lane find none either."""
        _, _, _, index, kind = self._kinds[0]
        if place:
            self._go_on(kind)
        else:
            heapq.heappop(self._lanes[kind])
        self._sort_in(index, kind)

    def _sort_in(self, index: int, kind: Kind) -> None:
        """The first of the kinds has another candidate now, or none."""
        lanes = self._lanes[kind]
        if lanes and kind not in self._cycle.dead:
            heapq.heapreplace(self._kinds, (*lanes[0][:3], index, kind))
        else:
            heapq.heappop(self._kinds)

    def _look_into(self, kind: Kind) -> list[Candidate]:
        if not self._cycle.may_start(kind):
            return []
        lanes = [self._candidate(kind, owner, 0) for owner in kind.lanes]
        heapq.heapify(lanes)
        return lanes

    def _go_on(self, kind: Kind) -> None:
        """To the one behind the first."""
        lanes = self._lanes[kind]
        owner, at = lanes[0][3:]
        if at + 1 < len(kind.lanes[owner]):
            heapq.heapreplace(lanes, self._candidate(kind, owner, at + 1))
        else:
            heapq.heappop(lanes)

    def _candidate(self, kind: Kind, owner: Owner, at: int) -> Candidate:
        less, submitted_at, job_id = kind.lanes[owner][at]
        factor = self._cycle.fairness[owner]
        if not self._by_length:
            return (0.0, 0.0, less - factor), submitted_at, job_id, owner, at
        rank = -self._whole(less), kind.length / factor, less - factor
        return rank, submitted_at, job_id, owner, at

    def _rank(self, kind: Kind, job: Waiting) -> Rank:
        """As it is by now."""
        stands = self._cycle.stands_at(job)
        if not self._by_length:
            return 0.0, 0.0, stands
        factor = self._cycle.fairness[owner_of(job)]
        return -self._whole(stands + factor), kind.length / factor, stands

    def _bound(self, kind: Kind) -> Rank:
        """No job of the kind comes before that."""
        if not self._by_length:
            return 0.0, 0.0, kind.least - 1
        return -self._whole(kind.least), kind.length, kind.least - 1

    def _whole(self, less: float) -> float:
        points = self._gained - less
        return math.floor(points) if points < math.inf else points
