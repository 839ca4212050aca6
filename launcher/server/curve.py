"""A curve as arrays: attempts stitched into one, and what of it a chart can show. Pure.

`launcher.model.metric.stitch` says what stitching is; this does the same to a million points in
milliseconds, and a test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from launcher.store.packing import STEPS, Arrays, joined

Indices = NDArray[np.intp]
Axis = NDArray[Any]
"""Steps (int64) or times (float64), ascending."""


class View(NamedTuple):
    """What a chart shows: both ends belong to it; None: where the curve begins and ends."""

    low: float | None = None
    high: float | None = None
    width: int = 1000
    """Columns of pixels."""


class Drawn(NamedTuple):
    """What is drawn. `ys`: None where a value is no number; `odd` says what it is instead."""

    xs: list[float]
    ys: list[float | None]
    odd: list[tuple[float, str]]


def stitch(attempts: Mapping[int, Arrays]) -> Arrays:
    """One curve of all attempts, ordered by step."""
    kept: list[tuple[int, Arrays]] = []
    first_later_step: int | None = None
    for attempt in sorted(attempts, reverse=True):
        own = attempts[attempt]
        if first_later_step is not None and len(own.steps) and own.steps.max() >= first_later_step:
            own = _chosen(own, own.steps < first_later_step)
        if len(own.steps):
            kept.append((attempt, own))
            lowest = int(own.steps.min())
            first_later_step = lowest if first_later_step is None else min(first_later_step, lowest)
    # Every attempt ends before the next one begins, so each is put in order for itself.
    parts = [_in_order(own) for _, own in reversed(kept)]
    return joined(parts)


def by_time(curve: Arrays) -> Arrays:
    """The same points ordered by the time at which they were reported."""
    times = curve.times
    if np.isfinite(times).all():
        if (times[1:] >= times[:-1]).all():
            return curve
    else:
        curve = _chosen(curve, np.isfinite(times))
    return _chosen(curve, np.argsort(curve.times, kind="stable"))


def draw(xs: Axis, ys: NDArray[np.float64], view: View) -> Drawn:
    """What of the curve shows in `view`: at most about two points a column, and no peak is lost.

    Of each column the lowest and the highest point are kept, and the first of each kind that is no
    number; of a part of the curve also the neighbours on both sides, to which lines lead.
    """
    first, end = _range(xs, view)
    chosen = np.arange(first, end)
    if len(chosen) > 2 * view.width:
        chosen = _extremes(xs, ys, first, end, view)
    beside = [index for index in (first - 1, end) if 0 <= index < len(xs)]
    if beside:
        chosen = np.unique(np.concatenate([chosen, np.array(beside, np.intp)]))
    shown = ys[chosen]
    places = xs[chosen].tolist()
    odd = np.flatnonzero(~np.isfinite(shown)).tolist()
    values: list[float | None] = shown.tolist()
    kinds = [(places[index], str(values[index])) for index in odd]
    for index in odd:
        values[index] = None
    return Drawn(places, values, kinds)


def edges(low: float, high: float, width: int) -> list[float]:
    """Where each of `width` columns begins, of which the last ends with `high`.

    >>> edges(0, 10, 4)
    [0, 3, 5, 8]
    """
    if isinstance(low, int) and isinstance(high, int):
        # Whole numbers: a column begins with the first one that lies in it.
        return [low + ((high - low) * column + width - 1) // width for column in range(width)]
    share = [column / width for column in range(width)]
    return [low * (1 - part) + high * part for part in share]  # no difference: it may be infinite


def _extremes(xs: Axis, ys: NDArray[np.float64], first: int, end: int, view: View) -> Indices:
    low = xs[first].item() if view.low is None else _bound(xs, view.low, math.ceil)
    high = xs[end - 1].item() if view.high is None else _bound(xs, view.high, math.floor)
    begins = np.array(edges(low, high, view.width), xs.dtype)
    starts = np.unique(np.searchsorted(xs[first:end], begins)) + first
    starts = starts[starts < end]
    stops = [*starts[1:].tolist(), end]
    columns = list(zip([first, *starts[1:].tolist()], stops, strict=True))
    finite = np.isfinite(ys[first:end])
    lows = highs = ys[first:end]
    odd = np.empty(0, np.intp)
    if not finite.all():
        odd = _first_odd(ys[first:end], finite, starts - first) + first
        lows, highs = np.where(finite, lows, np.inf), np.where(finite, highs, -np.inf)
    extremes = [first, end - 1]
    for start, stop in columns:
        part = slice(start - first, stop - first)
        extremes.append(start + int(lows[part].argmin()))
        extremes.append(start + int(highs[part].argmax()))
    return np.unique(np.concatenate([np.array(extremes, np.intp), odd]))


def _first_odd(ys: NDArray[np.float64], finite: NDArray[np.bool_], starts: Indices) -> Indices:
    """Where each column has its first value of each kind that is no number."""
    odd = np.flatnonzero(~finite)
    kind = np.where(np.isnan(ys[odd]), 0, np.sign(ys[odd])).astype(np.int64)
    column = np.searchsorted(starts, odd, side="right")
    _, first = np.unique(column * 3 + kind, return_index=True)
    return odd[first]


def _range(xs: Axis, view: View) -> tuple[int, int]:
    """The first point that the view shows, and the first one behind it."""
    first, end = 0, len(xs)
    if view.low is not None:
        first = int(np.searchsorted(xs, _bound(xs, view.low, math.ceil), side="left"))
    if view.high is not None:
        end = int(np.searchsorted(xs, _bound(xs, view.high, math.floor), side="right"))
    return first, max(first, end)


def _bound(xs: Axis, bound: float, whole: Any) -> float:
    """The bound as a value of the axis: between steps there is nothing."""
    if xs.dtype.kind != "i":
        return float(bound)
    return int(min(max(whole(bound), STEPS.start), STEPS.stop - 1))


def _in_order(curve: Arrays) -> Arrays:
    """By step, then by time; mostly they are already."""
    if is_ordered(curve.steps):
        return curve
    return _chosen(curve, np.lexsort((curve.times, curve.steps)))


def is_ordered(steps: Axis) -> bool:
    """Each is later than the one before."""
    return bool((steps[1:] > steps[:-1]).all())


def _chosen(curve: Arrays, which: Any) -> Arrays:
    return Arrays(*(column[which] for column in curve))
