"""Whose turn it is: the queue in order, as far as it is worth to look at it in one cycle.

A queue may be long, and a cycle ask of most of it the same. Each owner's jobs are taken one by one
only until every cluster has its first blocked job. From then on only kinds of job are looked at for
which there is a place at all, of these no further than the first that finds none, and in an order
of their own (`passing.py`).
"""

from __future__ import annotations

import heapq

from launcher.scheduler.cycle import Cycle
from launcher.scheduler.line import Line, Turn, turn
from launcher.scheduler.passing import Passing
from launcher.scheduler.state import Waiting


class Turns:
    """Use it as `while (job := turns.next()): ...; turns.found(...)`."""

    def __init__(self, cycle: Cycle) -> None:
        self._cycle, self._queue = cycle, cycle.queue
        self._placed: set[str] = set()
        self._this: Turn | None = None
        self._reserved = -1
        self._passing: Passing | None = None
        fairness = cycle.fairness
        self._heap = [turn(line, 0, fairness[line.owner]) for line in self._queue.lines()]
        heapq.heapify(self._heap)

    def next(self) -> Waiting | None:
        """The next job in order; None: nobody is left who could start."""
        if self._passing is not None:
            return self._passing.next()
        while self._heap:
            this = heapq.heappop(self._heap)
            job = self._queue.jobs[this.job_id]
            stands = self._cycle.stands_at(job)
            if stands > this.less:  # its project got something meanwhile, or it borrows
                heapq.heappush(self._heap, this._replace(less=stands))
            elif job.job_id in self._placed:
                self._push(this.line, this.at + 1)
            else:
                self._this = this
                return job
        return None

    def found(self, *, place: bool) -> None:
        """Whether the last job found a place."""
        if self._passing is not None:
            self._passing.found(place=place)
            return
        this, cycle = self._this, self._cycle
        assert this is not None
        if place:
            self._placed.add(this.job_id)
            self._push(this.line, this.at + 1)
            return
        if len(cycle.reservations) > self._reserved:
            self._reserved = len(cycle.reservations)
            if cycle.is_settled:
                self._passing = Passing(cycle, self._placed)
                return
        if this.line.kind is not None:
            return  # nor does any that is alike and stands behind it
        job = self._queue.jobs[this.job_id]
        if cycle.is_behind(job.project, self._queue.kind(job)):
            for lane in self._queue.lanes(this.line.owner):
                if lane.kind is not None and not cycle.is_behind(job.project, lane.kind):
                    self._push(lane, 0)
        else:
            self._push(this.line, this.at + 1)

    def _push(self, line: Line, at: int) -> None:
        if at < len(line.places):
            heapq.heappush(self._heap, turn(line, at, self._cycle.fairness[line.owner]))
