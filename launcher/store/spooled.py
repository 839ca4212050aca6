"""What a stretch of a rank's spool says: points by series, and how far the rank is. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from launcher.model.metric import MetricPoint, Progress, parse_record, points_of, progress_of
from launcher.store.packing import STEPS, Columns
from launcher.store.tables import storable

MAX_NAME = 200
"""Longest name of a series, in characters. It is part of a key, whose length databases limit."""
MAX_LINE = 2**20
"""Bytes of a line without an end after which it is taken for no record."""


@dataclass
class SpoolState:
    """What was taken from one rank's spool in one attempt. Times are the rank's."""

    length: int = 0
    records: int = 0
    unreadable: int = 0
    first_step: int | None = None
    first_at: float | None = None
    step: int | None = None
    total_steps: int | None = None
    last_at: float | None = None
    rest: bytes = b""
    """Of a line whose end has not come yet."""


@dataclass
class Stretch:
    """Whole lines of a spool, taken apart; `state` is that of the spool after them."""

    state: SpoolState
    series: dict[str, Columns] = field(default_factory=dict)


class _Said(NamedTuple):
    """What one line says."""

    points: list[MetricPoint]
    progress: Progress | None
    time: float


def read_stretch(data: bytes, state: SpoolState) -> Stretch:
    """Take the lines apart that end in `data`, which follows what `state` tells of."""
    *lines, rest = (state.rest + data).split(b"\n")
    if len(rest) > MAX_LINE:
        lines.append(rest)
        rest = b""
    stretch = Stretch(replace(state, length=state.length + len(data), rest=rest))
    for line in lines:
        if line and not line.isspace():
            _take(stretch, line)
    return stretch


def _take(stretch: Stretch, line: bytes) -> None:
    said = _read(line)
    if said is None:
        stretch.state.unreadable += 1
        return
    stretch.state.records += 1
    _add(stretch.series, said.points)
    if said.progress is not None:
        _carry_on(stretch.state, said.progress, said.time)


def _read(line: bytes) -> _Said | None:
    """What a line says; None when it is torn, foreign or beyond what numbers can be stored."""
    try:
        record = parse_record(line)
        if record is None:
            return None
        points = list(points_of(record, 0, 0))
        progress = progress_of(record)
        time = record.get("t")
        seconds = float(time) if isinstance(time, int | float) else math.nan
    except (OverflowError, RecursionError):  # a number of 400 digits, a list 10,000 deep
        return None
    if progress and not (progress.step in STEPS and (progress.total_steps or 0) in STEPS):
        return None
    return _Said(points, progress, seconds)


def _add(series: dict[str, Columns], points: Iterable[MetricPoint]) -> None:
    for point in points:
        name = storable(point.name)[:MAX_NAME]
        columns = series.get(name)
        if columns is None:
            columns = series[name] = Columns([], [], [])
        columns.steps.append(point.step)
        columns.values.append(point.value)
        columns.times.append(point.time)


def _carry_on(state: SpoolState, progress: Progress, time: float) -> None:
    if state.first_step is None:
        state.first_step = progress.step
        state.first_at = time
    state.step = progress.step
    state.total_steps = progress.total_steps or state.total_steps
    state.last_at = time
