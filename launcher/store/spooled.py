"""What a stretch of a rank's spool says: points by series, and how far the rank is. Pure.

The spool of what its agent observed holds records of TensorBoard's event files too.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from launcher.model.metric import MetricPoint, Progress, parse_record, points_of, progress_of, shown
from launcher.store.event_records import ReadEvent
from launcher.store.packing import STEPS, Columns
from launcher.store.tables import storable

MAX_NAME = 200
"""Longest name of a series, in characters. It is part of a key, whose length databases limit."""
FindReader = Callable[[], ReadEvent | None]
_EVENT = "e"
_OPEN, _CLOSED = b"{}"
_LINES_AT_ONCE = 500
"""Parsed together."""
_LEAST, _MOST = STEPS.start, STEPS.stop - 1
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
    lines = [line for line in lines if line and not line.isspace()]
    add = _Adder(stretch.series)
    for start in range(0, len(lines), _LINES_AT_ONCE):
        some = lines[start : start + _LINES_AT_ONCE]
        records = _parsed_at_once(some)
        if records is None:
            for line in some:
                _take(stretch, line, reader)
        else:
            _take_all(stretch, some, records, add, reader)
    return stretch


def read_again(lines: Iterable[bytes], reader: FindReader) -> dict[str, Columns]:
    """The points of lines that were given back unread."""
    series: dict[str, Columns] = {}
    for line in lines:
        said = _read(line, reader)
        if said is not None:
            _add(series, said.points)
    return series


def _parsed_at_once(lines: Sequence[bytes]) -> list[Any] | None:
    """What each line holds, parsed as one list; None where they are not surely one value each.

    Lines that are objects by their ends could only be two halves of one where a list is open.
    """
    text = b",\n".join(lines)  # no text of JSON goes on behind the end of a line
    if b"[" in text or not all(line[0] == _OPEN and line[-1] == _CLOSED for line in lines):
        return None
    try:
        records = json.loads(b"[%b]" % text)
    except (ValueError, RecursionError):
        return None
    return records if len(records) == len(lines) else None


def _take_all(
    stretch: Stretch,
    lines: Sequence[bytes],
    records: Iterable[Any],
    add: _Adder,
    reader: FindReader,
) -> None:
    """As `_take` does with each line; of reports as they mostly are, in a fraction of the time."""
    state = stretch.state
    for line, record in zip(lines, records, strict=True):
        step, time, values = record.get("step"), record.get("t"), record.get("m")
        total = record.get("n")
        if (
            record.get("k") != "m"
            or type(step) is not int
            or type(time) is not float
            or type(values) is not dict
            or not _LEAST <= step <= _MOST
            or not (total is None or (type(total) is int and 0 < total <= _MOST))
            or not _all_floats(values)
        ):
            _take(stretch, line, reader)
            continue
        state.records += 1
        if state.first_step is None:
            state.first_step, state.first_at = step, time
        state.step, state.last_at = step, time
        if total is not None:
            state.total_steps = total
        for name, value in values.items():
            add_step, add_value, add_time = add[name]
            add_step(step)
            add_value(value)
            add_time(time)


def _all_floats(values: Mapping[str, Any]) -> bool:
    for value in values.values():  # noqa: SIM110 - a generator would take three times as long
        if type(value) is not float:
            return False
    return True


_Add = Callable[[Any], None]


class _Adder(dict[str, tuple[_Add, _Add, _Add]]):
    """For each name as it is written what adds step, value and time to its series."""

    def __init__(self, series: dict[str, Columns]) -> None:
        self._series = series

    def __missing__(self, name: str) -> tuple[_Add, _Add, _Add]:
        columns = self._series.setdefault(_stored(shown(name)), Columns([], [], []))
        added = columns.steps.append, columns.values.append, columns.times.append
        self[name] = added
        return added


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
        columns = series.setdefault(_stored(point.name), Columns([], [], []))
        columns.steps.append(point.step)
        columns.values.append(point.value)
        columns.times.append(point.time)


def _stored(name: str) -> str:
    return storable(name)[:MAX_NAME]


def _carry_on(state: SpoolState, progress: Progress, time: float) -> None:
    if state.first_step is None:
        state.first_step = progress.step
        state.first_at = time
    state.step = progress.step
    state.total_steps = progress.total_steps or state.total_steps
    state.last_at = time
