"""What the server tells of curves: see `launcher.views`, whose conventions hold here too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SeriesView:
    """A series of one rank over all attempts. `first_step` is its lowest; last is newest."""

    name: str
    rank: int
    kind: str = "reported"
    """`reported` by the program, or of the `system` by its agent."""
    count: int = 0
    first_step: int = 0
    last_step: int = 0
    last_value: Any = None
    """A number, or what is none as `nan`, `inf`, `-inf`."""
    source: str = ""
    """Of what the server works out: from the series of this name."""


@dataclass(frozen=True)
class CurveView:
    """What of a curve is drawn. The i-th of `xs` and `ys` make a point, in the order of `xs`.

    `ys` has None where a value is no number; `odd` tells which: `nan`, `inf` or `-inf`.
    """

    name: str
    rank: int
    kind: str = "reported"
    count: int = 0
    """Points of the whole curve."""
    xs: tuple[float, ...] = ()
    ys: tuple[float | None, ...] = ()
    odd: tuple[tuple[Any, ...], ...] = ()
    """(x, word) each; the codec reads tuples of one kind alone."""


@dataclass(frozen=True)
class MarkView:
    """Something that happened to the training.

    `kind`: `restart`, `resize`, `checkpoint`, or, among what is measured, `straggler`: from there
    on this rank was slow, and it still is. `step`: where on the curves; `time`: when.
    """

    kind: str
    step: int
    time: float
    attempt: int
    text: str = ""
    rank: int | None = None
    """Whose it is; None: everybody's."""


@dataclass(frozen=True)
class CurvesView:
    """Curves of one job. `x`: `step`, or `time` in seconds since the epoch."""

    x: str = "step"
    curves: tuple[CurveView, ...] = ()
    marks: tuple[MarkView, ...] = ()
    cursor: str = ""
    """From here `follow` goes on: with points that are not in the curves."""
    left_out: int = 0
    """How many series more were asked for than one answer has."""


@dataclass(frozen=True)
class SummaryView:
    """One series in figures, all attempts as one curve; of the numbers among its values.

    `first_at`: when its first point was reported; `last`: a number, or what is none as `nan`.
    """

    name: str
    rank: int
    count: int = 0
    first_at: float | None = None
    last: Any = None
    lowest: float | None = None
    highest: float | None = None
    median: float | None = None
    steps_per_s: float | None = None


@dataclass(frozen=True)
class SparklineView:
    """The shape of a job's main curve in at most 30 points: means of the values from a step on."""

    job: str
    name: str = ""
    rank: int = 0
    xs: tuple[int, ...] = ()
    ys: tuple[float | None, ...] = ()
