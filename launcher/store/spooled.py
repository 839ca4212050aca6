"""What a stretch of a rank's spool says: points by series, and how far the rank is. Pure.

The spool of what its agent observed holds records of TensorBoard's event files too.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from launcher.model.metric import MetricPoint, Progress, parse_record, points_of, progress_of, shown
from launcher.store.event_records import ReadEvent
from launcher.store.packing import STEPS, Columns
from launcher.store.tables import storable

MAX_NAME = 200
"""Longest name of a series, in characters. It is part of a key, whose length databases limit."""
FindReader = Callable[[], ReadEvent | None]
_EVENT = "e"
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
    unread: list[bytes] = field(default_factory=list)
    """Lines that nothing here can read."""


class _Said(NamedTuple):
    """What one line says."""

    points: list[MetricPoint]
    progress: Progress | None
    time: float
    is_read: bool = True


def read_stretch(data: bytes, state: SpoolState, reader: FindReader = lambda: None) -> Stretch:
    """Take the lines apart that end in `data`, which follows what `state` tells of.

    Args:
        data: bytes of the spool.
        state: of the spool before.
        reader: finds what reads records of event files; where there is nothing, their lines are
            given back unread.
    """
    *lines, rest = (state.rest + data).split(b"\n")
    if len(rest) > MAX_LINE:
        lines.append(rest)
        rest = b""
    stretch = Stretch(replace(state, length=state.length + len(data), rest=rest))
    for line in lines:
        if line and not line.isspace():
            _take(stretch, line, reader)
    return stretch


def read_again(lines: Iterable[bytes], reader: FindReader) -> dict[str, Columns]:
    """The points of lines that were given back unread."""
    series: dict[str, Columns] = {}
    for line in lines:
        said = _read(line, reader)
        if said is not None:
            _add(series, said.points)
    return series


def _take(stretch: Stretch, line: bytes, reader: FindReader) -> None:
    said = _read(line, reader)
    if said is None:
        stretch.state.unreadable += 1
        return
    stretch.state.records += 1
    if not said.is_read:
        stretch.unread.append(line)
    _add(stretch.series, said.points)
    if said.progress is not None:
        _carry_on(stretch.state, said.progress, said.time)


def _read(line: bytes, reader: FindReader) -> _Said | None:
    """What a line says; None when it is torn, foreign or beyond what numbers can be stored."""
    try:
        record = parse_record(line)
        if record is None:
            return None
        if record.get("k") == _EVENT:
            return _read_record(record, reader())
        points = list(points_of(record, 0, 0))
        progress = progress_of(record)
        time = record.get("t")
        seconds = float(time) if isinstance(time, int | float) else math.nan
    except (OverflowError, RecursionError):  # a number of 400 digits, a list 10,000 deep
        return None
    if progress and not (progress.step in STEPS and (progress.total_steps or 0) in STEPS):
        return None
    return _Said(points, progress, seconds)


def _read_record(record: dict[str, object], read_event: ReadEvent | None) -> _Said | None:
    """What a record of an event file says. Its run stands before the names, as TensorBoard's."""
    run, data = record.get("run"), record.get("d")
    if not isinstance(run, str) or not isinstance(data, str):
        return None
    if read_event is None:
        return _Said([], None, math.nan, is_read=False)
    try:
        figures = read_event(base64.b64decode(data, validate=True))
    except ValueError:
        return None
    prefix = "" if run == "." else f"{run}/"
    points = [
        MetricPoint(shown(prefix + one.tag), one.step, one.value, one.time, 0, 0) for one in figures
    ]
    progress = Progress(points[-1].step, None) if points and record.get("p") is True else None
    return _Said(points, progress, points[-1].time if points else math.nan)


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
