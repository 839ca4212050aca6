"""Jobs that stand in line, sorted.

There is a place for each job that waits, so it is a bare tuple: the collector of garbage, which
follows all other objects again and again, leaves those alone.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from launcher.scheduler.shares import Owner

if TYPE_CHECKING:
    from launcher.scheduler.kind import Kind

Place: TypeAlias = tuple[float, float, str]
"""Where a job stands in its line; smaller goes first.

Minus its points, as far as they do not depend on the owner (`Queue.less`); when it was submitted;
its id.
"""


@dataclass(eq=False, slots=True)
class Line:
    """Jobs of one owner, all of them or those of one kind."""

    owner: Owner
    kind: Kind | None = None
    places: list[Place] = field(default_factory=list)


class Turn(NamedTuple):
    """The next job of a line, as it stands among all; smaller goes first."""

    less: float
    submitted_at: float
    job_id: str
    line: Line
    at: int
    """Index in the line."""


def turn(line: Line, at: int, factor: float) -> Turn:
    """The line's job at an index, as it stands among all."""
    less, submitted_at, job_id = line.places[at]
    return Turn(less - factor, submitted_at, job_id, line, at)


def join(places: list[Place], place: Place) -> None:
    """Stand in line, once."""
    index = bisect.bisect_left(places, place)
    if index == len(places) or places[index] != place:  # one may have been told to sleep twice
        places.insert(index, place)


def leave(places: list[Place], place: Place) -> None:
    """Stand in line no more."""
    index = bisect.bisect_left(places, place)
    if index < len(places) and places[index] == place:
        del places[index]
