"""The jobs that wait, in their order, kept between cycles.

A job's place follows from its points: its priority, one more for every `ageing_s` that it has
waited, and its owner's fair-share factor, at most 1. Points of all jobs grow alike and of one owner
all have the same factor, so that each owner's jobs stand in a line that is sorted once. Jobs that
are alike in what they need stand in a lane beside: where one finds no place, none of them does.
"""

from __future__ import annotations

import bisect
import heapq
from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from launcher.scheduler.kind import Kind, kind_key
from launcher.scheduler.shares import Owner
from launcher.scheduler.state import Waiting

K = TypeVar("K")


class Factors(Protocol):
    """The fair-share factor of each owner."""

    def __getitem__(self, owner: Owner, /) -> float: ...


class Place(NamedTuple):
    """Where a job stands in its line: smaller goes first."""

    less: float
    """Minus the points, as far as they do not depend on the owner: `Queue.less`."""
    submitted_at: float
    job_id: str


@dataclass
class Line:
    """Jobs of one owner, all of them or those of one kind."""

    owner: Owner
    kind: Kind | None = None
    places: list[Place] = field(default_factory=list)

    def add(self, place: Place) -> None:
        index = bisect.bisect_left(self.places, place)
        if self.places[index : index + 1] != [place]:  # one may have been told to sleep twice
            self.places.insert(index, place)

    def remove(self, place: Place) -> None:
        index = bisect.bisect_left(self.places, place)
        if self.places[index : index + 1] == [place]:
            del self.places[index]


class Turn(NamedTuple):
    """The next job of a line, as it stands among all; smaller goes first."""

    less: float
    submitted_at: float
    job_id: str
    line: Line
    at: int
    """Index in the line."""


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
        self._lanes: defaultdict[Owner, dict[Kind, Line]] = defaultdict(dict)
        self._asleep: list[tuple[float, str]] = []

    def put(self, job: Waiting) -> None:
        """A job waits, or waits otherwise than before."""
        if self.jobs.get(job.job_id) == job:
            return
        self.drop(job.job_id)
        self.jobs[job.job_id] = job
        key = kind_key(job)
        kind = self.kinds.get(key)
        if kind is None:
            kind = self.kinds[key] = Kind.of(job)
        kind.count += 1
        self._kind_of[job.job_id] = kind
        if job.not_before > 0:
            heapq.heappush(self._asleep, (job.not_before, job.job_id))
        else:
            self._line_up(job)

    def drop(self, job_id: str) -> None:
        """It waits no more."""
        job = self.jobs.pop(job_id, None)
        if job is None:
            return
        owner, kind, place = owner_of(job), self._kind_of.pop(job_id), self._place(job)
        kind.count -= 1
        if not kind.count:
            del self.kinds[kind.key]
        _leave(self._lines, owner, place)
        _leave(self._lanes[owner], kind, place)

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
        return list(self._lanes[owner].values())

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
        less = mine.less - factors[owner_of(job)]
        ahead = 0
        for line in self._lines.values():
            shifted = mine  # exactly, among those of the same owner
            if line.owner != owner_of(job):
                shifted = Place(less + factors[line.owner], mine.submitted_at, mine.job_id)
            ahead += bisect.bisect_left(line.places, shifted)
        return ahead + 1

    def less(self, priority: int, submitted_at: float) -> float:
        """What stands for the points of a job without its owner's factor; smaller goes first.

        The points are those of `now`: a job's priority, plus (now - submitted_at) / ageing_s. Since
        all of them grow alike, now / ageing_s is left out.
        """
        return submitted_at / self._ageing_s - (priority if self._heeds_priority else 0)

    def _line_up(self, job: Waiting) -> None:
        owner, kind, place = owner_of(job), self._kind_of[job.job_id], self._place(job)
        self._lines.setdefault(owner, Line(owner)).add(place)
        self._lanes[owner].setdefault(kind, Line(owner, kind)).add(place)

    def _place(self, job: Waiting) -> Place:
        return Place(self.less(job.priority, job.submitted_at), job.submitted_at, job.job_id)


def _leave(lines: dict[K, Line], key: K, place: Place) -> None:
    """Take a job out of a line, and the line out of them when nobody is left in it."""
    if key in lines:
        lines[key].remove(place)
        if not lines[key].places:
            del lines[key]


def turn(line: Line, at: int, factor: float) -> Turn:
    """The line's job at an index, as it stands among all."""
    place = line.places[at]
    return Turn(place.less - factor, place.submitted_at, place.job_id, line, at)


def owner_of(job: Waiting) -> Owner:
    return Owner(job.project, job.user)
