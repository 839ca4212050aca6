"""Metric points: how ranks write them, and how the attempts of a job become one curve."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What could command the terminal on which a name is shown, or turn its text around."""


@dataclass(frozen=True)
class MetricPoint:
    """One value of one series. `time`: seconds since the epoch on the rank's clock."""

    name: str
    step: int
    value: float
    time: float
    attempt: int
    rank: int


@dataclass(frozen=True)
class Progress:
    """How far a rank says it is."""

    step: int
    total_steps: int | None


@dataclass(frozen=True)
class CheckpointSaved:
    """A rank finished writing a checkpoint folder (`folder` lies in LAUNCHER_CHECKPOINT_DIR)."""

    step: int
    folder: str
    metrics: dict[str, float]
    sharded: bool


def parse_record(line: bytes) -> dict[str, object] | None:
    """A spool line as a record, or None when it is none (a torn or foreign line)."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "k" in record else None


def shown(name: str) -> str:
    """The name of a series as it may be shown."""
    return _CONTROL.sub("\ufffd", name)


def points_of(record: dict[str, object], attempt: int, rank: int) -> Iterator[MetricPoint]:
    """The points of a report. What does not have the shape of a point is passed over."""
    step, values, time = record.get("step"), record.get("m"), record.get("t")
    if record.get("k") != "m" or not isinstance(values, dict):
        return
    if not isinstance(step, int) or not isinstance(time, int | float):
        return
    for name, value in values.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield MetricPoint(shown(str(name)), step, float(value), float(time), attempt, rank)


def progress_of(record: dict[str, object]) -> Progress | None:
    """How far a report says its rank is; None when it is no report."""
    step, total = record.get("step"), record.get("n")
    if record.get("k") != "m" or not isinstance(step, int):
        return None
    return Progress(step, total if isinstance(total, int) and total > 0 else None)


def checkpoint_of(record: dict[str, object]) -> CheckpointSaved | None:
    """The checkpoint that a record announces; None when it announces none."""
    step, folder, metrics = record.get("step"), record.get("path"), record.get("metrics")
    if record.get("k") != "c" or not isinstance(step, int) or not isinstance(folder, str):
        return None
    values = metrics if isinstance(metrics, dict) else {}
    numbers = {str(k): float(v) for k, v in values.items() if isinstance(v, int | float)}
    return CheckpointSaved(step, folder, numbers, bool(record.get("sharded")))


def stitch(points: Iterable[MetricPoint]) -> list[MetricPoint]:
    """One curve of all attempts: where a later attempt ran a step again, its point counts.

    An attempt that resumed from step s makes the points after s of the attempts before it
    obsolete, even those it has not reached yet: they belong to a future that did not happen.
    """
    by_attempt: dict[int, list[MetricPoint]] = {}
    for point in points:
        by_attempt.setdefault(point.attempt, []).append(point)
    kept: list[MetricPoint] = []
    first_later_step = math.inf
    for attempt in sorted(by_attempt, reverse=True):
        own = [point for point in by_attempt[attempt] if point.step < first_later_step]
        kept.extend(own)
        first_later_step = min([first_later_step, *(point.step for point in own)])
    return sorted(kept, key=lambda point: (point.step, point.attempt, point.time))
