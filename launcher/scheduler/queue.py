"""The jobs that wait, in their order, kept between cycles.

A job's place follows from its points: its priority, one more for every `ageing_s` that it has
waited, and its owner's fair-share factor, at most 1. Points of all jobs grow alike and of one owner
all have the same factor, so that each owner's jobs stand in a line that is sorted once. Jobs that
are alike in what they need stand in a lane beside: where one finds no place, none of them does.
"""

from __future__ import annotations

import bisect
import heapq
import math
from collections.abc import Hashable, Iterable, Iterator
from typing import Protocol

from launcher.scheduler.kind import Kind, kind_key
from launcher.scheduler.line import Line, Place, join, leave, turn
from launcher.scheduler.shares import Owner
from launcher.scheduler.state import Waiting


class Factors(Protocol):
    """The fair-share factor of each owner."""

    def __getitem__(self, owner: Owner, /) -> float: ...


class Queue:
    """All waiting jobs.

    Args:
        ageing_s: after how long waiting counts as much as one point of priority.
        heeds_priority: False counts the time of submission alone.
    """

    def __init__(self, ageing_s: float, *, heeds_priority: bool = True) -> None:
        self._ageing_s, self._heeds_priority = ageing_s, heeds_priority
        self.jobs: dict[str, Waiting] = {}
        self.kinds: dict[Hashable, Kind] = {}
        """Of the jobs that wait."""
        self._kind_of: dict[str, Kind] = {}
        self._lines: dict[Owner, Line] = {}
        self._asleep: list[tuple[float, str]] = []

    def put(self, job: Waiting) -> None:
        """A job waits, or waits otherwise than before."""
        known = self.jobs.get(job.job_id)
        if known is not None:
            if known == job:
                return
            self.drop(job.job_id)
        if self._enter(job):
            self._line_up(job)

    def fill(self, jobs: Iterable[Waiting]) -> None:
        """Put many jobs into a queue that is empty; costs less than one by one."""
        in_line = [job for job in jobs if self._enter(job)]
        for job in in_line:
            place = self._place(job)
            for places in self._lines_of(job):
                places.append(place)
        for line in self._lines.values():
            line.places.sort()
        for kind in self.kinds.values():
            for lane in kind.lanes.values():
                lane.sort()

    def _enter(self, job: Waiting) -> bool:
        """A job waits; True: it shall stand in line now."""
        self.jobs[job.job_id] = job
        key = kind_key(job)
        kind = self.kinds.get(key)
        if kind is None:
            kind = self.kinds[key] = Kind.of(job)
        kind.count += 1
        self._kind_of[job.job_id] = kind
        if job.not_before > 0:
            heapq.heappush(self._asleep, (job.not_before, job.job_id))
        return job.not_before <= 0

    def drop(self, job_id: str) -> None:
        """It waits no more."""
        job = self.jobs.pop(job_id, None)
        if job is None:
            return
        owner, kind, place = owner_of(job), self._kind_of.pop(job_id), self._place(job)
        kind.count -= 1
        if not kind.count:
            del self.kinds[kind.key]
        line, lane = self._lines.get(owner), kind.lanes.get(owner)
        if line is not None:
            leave(line.places, place)
            if not line.places:
                del self._lines[owner]
        if lane is not None:
            leave(lane, place)
            if not lane:
                del kind.lanes[owner]
        kind.changed()

    def kind(self, job: Waiting) -> Kind:
        """What is alike of a job that waits and others."""
        return self._kind_of[job.job_id]

    def wake(self, now: float) -> None:
        """Line up those whose time has come."""
        while self._asleep and self._asleep[0][0] <= now:
            moment, job_id = heapq.heappop(self._asleep)
            job = self.jobs.get(job_id)
            if job is not None and job.not_before == moment:
                self._line_up(job)

    def owners(self) -> list[Owner]:
        """Who has a job that stands in line."""
        return list(self._lines)

    def lines(self) -> list[Line]:
        """One of each owner."""
        return list(self._lines.values())

    def lanes(self, owner: Owner) -> list[Line]:
        """The owner's jobs, one line of each kind."""
        found = ((kind, kind.lanes.get(owner)) for kind in self.kinds.values())
        return [Line(owner, kind, places) for kind, places in found if places]

    def in_turn(self, factors: Factors) -> Iterator[Waiting]:
        """All that stand in line, in order."""
        turns = [turn(line, 0, factors[line.owner]) for line in self.lines()]
        heapq.heapify(turns)
        while turns:
            this = heapq.heappop(turns)
            yield self.jobs[this.job_id]
            if this.at + 1 < len(this.line.places):
                heapq.heappush(turns, turn(this.line, this.at + 1, factors[this.line.owner]))

    def position(self, job: Waiting, factors: Factors) -> int:
        """How many are in front of it, and itself."""
        mine = self._place(job)
        less = mine[0] - factors[owner_of(job)]
        ahead = 0
        for line in self._lines.values():
            shifted = mine  # exactly, among those of the same owner
            if line.owner != owner_of(job):
                shifted = (less + factors[line.owner], *mine[1:])
            ahead += bisect.bisect_left(line.places, shifted)
        return ahead + 1

    def less(self, priority: int, submitted_at: float) -> float:
        """What stands for the points of a job without its owner's factor; smaller goes first.

        The points are those of `now`: a job's priority, plus (now - submitted_at) / ageing_s. Since
        all of them grow alike, now / ageing_s is left out.
        """
        return submitted_at / self._ageing_s - (priority if self._heeds_priority else 0)

    def points(self, less: float, now: float) -> float:
        """The points of a job now, without its owner's factor; `less`: what stands for them."""
        return now / self._ageing_s - less

    def less_of(self, job: Waiting, since: float) -> float:
        """`less` of a job that waits; since when that counts."""
        return -math.inf if job.resizes else self.less(job.priority, since)

    def _line_up(self, job: Waiting) -> None:
        place = self._place(job)
        for places in self._lines_of(job):
            join(places, place)

    def _lines_of(self, job: Waiting) -> tuple[list[Place], list[Place]]:
        """Where it stands, or will: of its owner, and of those of its kind."""
        owner, kind = owner_of(job), self._kind_of[job.job_id]
        kind.changed()
        line, lane = self._lines.get(owner), kind.lanes.get(owner)
        if line is None:
            line = self._lines[owner] = Line(owner)
        if lane is None:
            lane = kind.lanes[line.owner] = []
        return line.places, lane

    def _place(self, job: Waiting) -> Place:
        return self.less_of(job, job.submitted_at), job.submitted_at, job.job_id


def owner_of(job: Waiting) -> Owner:
    return Owner(job.project, job.user)
