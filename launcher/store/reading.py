"""Metric points as they are read: series, their histories, and what follows a cursor."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from sqlalchemy import Connection, and_, bindparam, func, not_, select

from launcher.model.metric import MetricPoint
from launcher.store.packing import Arrays, Together, joined, unpack_arrays, unpack_together
from launcher.store.tables import batches as _batches
from launcher.store.tables import generations as _generations
from launcher.store.tables import series as _series

_BATCHES_A_READ = 1000
_POINTS_A_READ = 10_000

BATCHES = select(
    _batches.c.id, _series.c.name, _series.c.rank, _batches.c.attempt, _batches.c.data
).join(_series, _batches.c.series_id == _series.c.id)


_GENERATION = (
    select(_generations.c.high)
    .where(_generations.c.job_id == bindparam("job_id"))
    .where(_generations.c.high > bindparam("cursor"))
    .order_by(_generations.c.high)
    .limit(1)
)
_INFO = [
    _series.c[name]
    for name in ("id", "name", "rank", "count", "first_step", "last_step", "last_value")
]
LOSS = "loss"
_lower = func.lower(_series.c.name)
_MAIN = (
    select(_series.c.id, _series.c.name, _series.c.rank, _series.c.count)
    .where(_series.c.job_id == bindparam("job_id"))
    .order_by(_lower != LOSS, not_(_lower.contains(LOSS)), _series.c.name, _series.c.rank)
    .limit(1)
)


@dataclass(frozen=True)
class MainSeries:
    """The series that stands for a job, and how many points it has."""

    id: int
    name: str
    rank: int
    count: int


@dataclass(frozen=True)
class SeriesInfo:
    """A series of one rank over all attempts. `first_step` is its lowest; last is newest."""

    id: int
    name: str
    rank: int
    count: int
    first_step: int
    last_step: int
    last_value: float
    kind: str = "reported"
    source: str = ""
    """The series that it is worked out from, if it is."""


class Reading:
    """One job's points at one moment."""

    def __init__(self, tx: Connection, job_id: str) -> None:
        self._tx, self._job_id = tx, job_id

    def newest_batch(self) -> int:
        """The cursor behind all that is here; see `Metrics.batches_after`."""
        query = select(func.max(_batches.c.id)).where(_batches.c.job_id == self._job_id)
        return self._tx.scalar(query) or 0

    def series(self, names: Collection[str] = ()) -> list[SeriesInfo]:
        """The series of the job, by name and rank; only those of these names, if any is given."""
        query = select(*_INFO).where(_series.c.job_id == self._job_id)
        if names:
            query = query.where(_series.c.name.in_(names))
        rows = self._tx.execute(query.order_by(_series.c.name, _series.c.rank))
        return [
            SeriesInfo(number, name, rank, count, first, last, number_of(value))
            for number, name, rank, count, first, last, value in rows
        ]

    def history(self, series_id: int, *, times: bool = True) -> dict[int, Arrays]:
        """All points of a series in order of arrival, by attempt.

        Without `times` those are all 0, and a third of the work is not done.
        """
        query = select(_batches.c.attempt, _batches.c.data)
        query = query.where(_batches.c.series_id == series_id).order_by(_batches.c.id)
        parts: dict[int, list[Arrays]] = {}
        for attempt, data in self._tx.execute(query):
            parts.setdefault(attempt, []).append(unpack_arrays(data, times=times))
        return {attempt: joined(own) for attempt, own in parts.items()}

    def parts(self, series_id: int, after: int = 0) -> Iterator[tuple[int, int, Arrays]]:
        """Batch, attempt and points of what came to a series after a batch, in that order."""
        query = select(_batches.c.id, _batches.c.attempt, _batches.c.data)
        query = query.where(_batches.c.series_id == series_id, _batches.c.id > after)
        for batch, attempt, data in self._tx.execute(query.order_by(_batches.c.id)):
            yield batch, attempt, unpack_together(batch, data).after(after).points

    def after(self, cursor: int) -> tuple[int, list[MetricPoint]]:
        """See `Metrics.batches_after`."""
        job_id = self._job_id
        key = {"job_id": job_id, "cursor": cursor}
        high = self._tx.scalar(_GENERATION, key)
        if high is not None:
            return _told_of(self._tx, job_id, cursor, high)
        points: list[MetricPoint] = []
        wanted = and_(_batches.c.job_id == job_id, _batches.c.id > cursor)
        query = BATCHES.where(wanted).order_by(_batches.c.id).limit(_BATCHES_A_READ)
        for batch, name, rank, attempt, data in self._tx.execute(query):
            cursor = batch
            points.extend(_points(name, rank, attempt, unpack_arrays(data)))
            if len(points) >= _POINTS_A_READ:
                break
        return cursor, points


def main_series(tx: Connection, job_id: str) -> MainSeries | None:
    """The series that stands for a job; None while it has none."""
    row = tx.execute(_MAIN, {"job_id": job_id}).first()
    return None if row is None else MainSeries(*row)


def _told_of(tx: Connection, job_id: str, cursor: int, high: int) -> tuple[int, list[MetricPoint]]:
    """As `Reading.after`, of a generation that ends with batch `high`."""
    wanted = and_(_batches.c.job_id == job_id, _batches.c.id > cursor, _batches.c.id <= high)
    rows, parts = [], []
    for batch, name, rank, attempt, data in tx.execute(BATCHES.where(wanted)):
        parts.append(unpack_together(batch, data).after(cursor))
        rows.append((name, rank, attempt))
    points: list[MetricPoint] = []
    for row, start, end, batch in _in_order(parts):
        points.extend(_points(*rows[row], parts[row].points.part(start, end)))
        cursor = batch
        if len(points) >= _POINTS_A_READ:
            break
    return cursor, points


def _in_order(parts: Sequence[Together]) -> Iterator[tuple[int, int, int, int]]:
    """Each batch by its id: which of the parts has it, where it begins and ends there, its id."""
    ids = np.concatenate([part.ids for part in parts])
    rows = np.repeat(np.arange(len(parts)), [len(part.ids) for part in parts])
    ends = np.concatenate([np.cumsum(part.counts) for part in parts])
    starts = ends - np.concatenate([part.counts for part in parts])
    order = np.argsort(ids)[:_POINTS_A_READ]  # each has a point at least
    columns = (column[order].tolist() for column in (rows, starts, ends, ids))
    return zip(*columns, strict=True)


def _points(name: str, rank: int, attempt: int, points: Arrays) -> Iterator[MetricPoint]:
    columns = (column.tolist() for column in points)
    return map(MetricPoint, repeat(name), *columns, repeat(attempt), repeat(rank))


def number_of(value: float | None) -> float:
    """SQLite stores NaN as NULL."""
    return math.nan if value is None else value
