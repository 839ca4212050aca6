"""What a chart shows, and where its axes have their ticks. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from launcher.units import format_duration

Point = tuple[float, float]
_STEPS = (1.0, 2.0, 5.0, 10.0)
_TIMES_S = (
    1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0,
    2 * 3600.0, 3 * 3600.0, 6 * 3600.0, 12 * 3600.0, 86400.0,
)  # fmt: skip
_LEAST_DECADES = 1.5
"""A logarithmic axis over less has the ticks of a linear one: powers of ten would be too few."""


@dataclass(frozen=True)
class Curve:
    """Points with growing x. A value that is no number leaves a gap."""

    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Axes:
    """What stands at the axes. `seconds`: x is a time, told as `10m`."""

    x: str
    y: str
    log: bool = False
    seconds: bool = False


@dataclass(frozen=True)
class Mark:
    """Something that happened at `x`. `sign`: one character, the same for all of a kind."""

    x: float
    sign: str
    text: str


@dataclass(frozen=True)
class Chart:
    """Curves over the same axes, and what happened meanwhile."""

    axes: Axes
    curves: tuple[Curve, ...]
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`, in the numbers that are drawn: of a log axis exponents."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    """Where, and what stands there."""


def drawn(curve: Curve, *, log: bool) -> Curve:
    """The curve as it is drawn: over a logarithmic axis the exponents, with gaps below zero."""
    if not log:
        return curve
    return replace(curve, points=tuple((x, _exponent(y)) for x, y in curve.points))


def scale(values: Iterable[float], most: int, *, log: bool = False, seconds: bool = False) -> Scale:
    """The axis of these numbers, with `most` ticks at most.

    >>> [words for _, words in scale([0.3, 7.2], 6).ticks]
    ['1', '2', '3', '4', '5', '6', '7']
    >>> [words for _, words in scale([0, 4000], 6, seconds=True).ticks]
    ['0s', '20m', '40m', '1h']
    """
    low, high = _limits(values)
    if log and high - low >= _LEAST_DECADES:
        every = max(math.ceil((high - low) / most), 1)
        first = math.ceil(low / every) * every
        exponents = range(first, math.floor(high) + 1, every)
        return Scale(low, high, tuple((float(at), f"1e{at}") for at in exponents))
    if log:
        inner = scale([10**low, 10**high], most)
        ticks = tuple((_exponent(at), words) for at, words in inner.ticks if at > 0)
        return Scale(low, high, ticks)
    least = (high - low) / most
    step = _step(least, _TIMES_S if seconds and least > 0.5 else ())
    places = [step * number for number in _between(low / step, high / step)]
    return Scale(low, high, tuple((at, _told(at, step, seconds=seconds)) for at in places))


def _between(low: float, high: float) -> range:
    rest = 1e-9 * max(abs(low), abs(high), 1.0)  # a tick at the very end may miss it by a hair
    return range(math.ceil(low - rest), math.floor(high + rest) + 1)


def _step(least: float, among: Sequence[float]) -> float:
    """The roundest step that is not smaller."""
    for known in among:
        if known >= least:
            return known
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in _STEPS if step * power >= least * (1 - 1e-9))


def _told(at: float, step: float, *, seconds: bool) -> str:
    if seconds:
        return f"{at:.3g}s" if step < 1 else format_duration(round(at))
    if at and (abs(at) >= 1e6 or abs(step) < 1e-4):
        return f"{at:.6g}"
    digits = max(-math.floor(math.log10(step) + 1e-9), 0)
    return f"{at + 0.0:.{digits}f}"


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """About `most` points at most, with the lowest and the highest of each stretch: peaks stay.

    >>> thinned([(0, 1.0), (1, 9.0), (2, 1.0), (3, 2.0), (4, 0.0), (5, 2.0)], 4)
    [(0, 1.0), (1, 9.0), (3, 2.0), (4, 0.0)]
    """
    if len(points) <= most:
        return list(points)
    count = max(most // 2, 1)
    edges = [len(points) * part // count for part in range(count + 1)]
    kept: list[Point] = []
    for begin, end in pairwise(edges):
        stretch = points[begin:end]
        known = [point for point in stretch if math.isfinite(point[1])]
        if not known:
            kept.append(stretch[0])
            continue
        ends = {min(known, key=lambda point: point[1]), max(known, key=lambda point: point[1])}
        kept += sorted(ends)
    return kept


def pieces(points: Iterable[Point]) -> Iterator[list[Point]]:
    """Runs of numbers, between values that are none."""
    piece: list[Point] = []
    for point in points:
        if math.isfinite(point[1]):
            piece.append(point)
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _limits(values: Iterable[float]) -> tuple[float, float]:
    """From the lowest to the highest; something around a single value."""
    known = list(values)
    low, high = min(known), max(known)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        room = abs(low) / 10 or 1.0
        return low - room, high + room
    return low, high


def _exponent(value: float) -> float:
    return math.log10(value) if value > 0 and math.isfinite(value) else math.nan
