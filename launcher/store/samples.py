"""What agents measured: taken from each node's file exactly once, kept as series of their own kind.

In tables of their own, so that nothing a program reports can meet it, and nothing that reads
reports sees it. A sample brings one point to each of some hundred series: `sample_rows` keeps them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from launcher.model.sample import SYSTEM, Sample, sample_of
from launcher.store import dialect
from launcher.store.database import Database
from launcher.store.packing import Arrays, joined, unpack_arrays
from launcher.store.reading import Reading, SeriesInfo
from launcher.store.rows import from_row, row_of
from launcher.store.sample_rows import arrays, by_series, save
from launcher.store.spooled import MAX_LINE
from launcher.store.tables import sample_batches as _batches
from launcher.store.tables import sample_series as _series
from launcher.store.tables import sampled as _sampled

# Built once: building a statement costs as much as running it.
_STATE = (
    select(_sampled)
    .where(*(column == bindparam(column.name) for column in _sampled.primary_key))
    .with_for_update()
)

_JOBS_AT_ONCE = 500

Means = dict[int, tuple[float, int]]
"""By the number of a bucket of time: the mean of its samples, and how many they are."""


@dataclass(frozen=True)
class Taken:
    """`length`: of the node's file, as far as it is taken; `samples`: those that were new."""

    length: int
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class Summary:
    """One series of one rank over all attempts."""

    name: str
    rank: int
    count: int
    last_at: float
    last_value: float
    sum: float
    highest: float

    @property
    def mean(self) -> float:
        return self.sum / self.count


@dataclass(frozen=True)
class Newest:
    """The newest point of a series, and how many it has."""

    id: int
    name: str
    rank: int
    count: int
    last_at: float
    last_value: float


@dataclass(frozen=True)
class _State:
    """What was taken of one node's file. `rest`: of a line whose end has not come yet."""

    length: int = 0
    unreadable: int = 0
    rest: bytes = b""


class Samples:
    """The samples of all jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, job_id: str, attempt: int, rank: int, offset: int, data: bytes) -> Taken:
        """Take the lines that follow what is stored; as `Metrics.append` takes reports.

        Args:
            job_id: whose.
            attempt: in which they were taken.
            rank: the first one of the node.
            offset: where `data` begins in the node's file.
            data: bytes of it.

        Raises:
            DiskFullError: nothing was taken.
        """
        key = {"job_id": job_id, "attempt": attempt, "rank": rank}
        with self._database.begin() as tx:
            state = _state(tx, key)
            if not 0 <= offset <= state.length < offset + len(data):
                return Taken(state.length)
            samples, state = _read(data[state.length - offset :], state)
            tx.execute(dialect.upsert(tx, _sampled), row_of(state, _sampled) | key)
            save(tx, job_id, attempt, by_series(samples))
            return Taken(state.length, tuple(samples))

    def skip(self, job_id: str, attempt: int, rank: int, offset: int, count: int) -> int:
        """Take `count` bytes for missing; gives how much is taken after."""
        key = {"job_id": job_id, "attempt": attempt, "rank": rank}
        with self._database.begin() as tx:
            state = _state(tx, key)
            if not 0 <= offset <= state.length < offset + count:
                return state.length
            gone = _State(offset + count, state.unreadable + 1)
            tx.execute(dialect.upsert(tx, _sampled), row_of(gone, _sampled) | key)
            return gone.length

    @contextmanager
    def reading(self, job_id: str) -> Iterator[SampleReading]:
        """The job's samples as they stand at one moment."""
        with self._database.read() as tx:
            yield SampleReading(tx, job_id)

    def newest(self, job_id: str, taken: int) -> tuple[int, list[Newest]]:
        """How many bytes of samples are taken of the job, and the newest point of each series.

        None are read where `taken` is as many already.
        """
        total = select(func.coalesce(func.sum(_sampled.c.length), 0))
        columns = [_series.c[name] for name in Newest.__dataclass_fields__]
        with self._database.read() as tx:
            now = int(tx.scalar(total.where(_sampled.c.job_id == job_id)) or 0)
            if now == taken:
                return now, []
            rows = tx.execute(select(*columns).where(_series.c.job_id == job_id))
            return now, [Newest(*row) for row in rows]

    def summaries(self, job_id: str, names: Collection[str] = ()) -> list[Summary]:
        """All series of the job, or those of these names, by name and rank."""
        query = select(*(_series.c[name] for name in Summary.__dataclass_fields__))
        query = query.where(_series.c.job_id == job_id).order_by(_series.c.name, _series.c.rank)
        if names:
            query = query.where(_series.c.name.in_(names))
        with self._database.read() as tx:
            return [from_row(Summary, row) for row in tx.execute(query).mappings()]

    def of_nodes(
        self, job_ids: Collection[str], since: float, bucket_s: float
    ) -> Iterator[tuple[str, int, int, str, Means]]:
        """What was measured of jobs' nodes and GPUs: the mean of each bucket of time.

        Args:
            job_ids: whose; of very many most may have nothing.
            since: seconds since the epoch; what is older is left out.
            bucket_s: seconds of a bucket; they are numbered from the epoch on.

        Yields:
            Job, attempt, node, name of the series, and its means by the number of the bucket.
        """
        of_nodes = or_(_series.c.name.startswith("node/"), _series.c.name.startswith("gpu"))
        query = select(_series.c.job_id, _series.c.id, _series.c.rank, _series.c.name)
        query = query.where(_series.c.last_at > since, of_nodes)
        wanted = list(job_ids)
        for start in range(0, len(wanted), _JOBS_AT_ONCE):
            some = _series.c.job_id.in_(wanted[start : start + _JOBS_AT_ONCE])
            with self._database.read() as tx:
                for job_id, series_id, node, name in tx.execute(query.where(some)).all():
                    history = SampleReading(tx, job_id).history(series_id, since)
                    for attempt, points in history.items():
                        yield job_id, attempt, node, name, _means(points, since, bucket_s)

    def forget(self, job_ids: Collection[str]) -> None:
        """Delete every sample of these jobs."""
        with self._database.begin() as tx:
            for table in (_batches, _series, _sampled):
                tx.execute(delete(table).where(table.c.job_id.in_(job_ids)))

    def drop_points(self, job_id: str) -> None:
        """Delete the points of a job; what `summaries` tells stays."""
        with self._database.begin() as tx:
            tx.execute(delete(_batches).where(_batches.c.job_id == job_id))
            tx.execute(update(_series).where(_series.c.job_id == job_id).values(tail=b""))


class SampleReading:
    """One job's samples at one moment; what `metrics.Reading` is for reports."""

    def __init__(self, tx: Connection, job_id: str) -> None:
        self._tx, self._job_id = tx, job_id

    def reports(self) -> Reading:
        """What the job reported, at the same moment."""
        return Reading(self._tx, self._job_id)

    def series(self, names: Collection[str] = ()) -> list[SeriesInfo]:
        """The series of the job, by name and rank; steps are seconds since the epoch."""
        query = select(_series).where(_series.c.job_id == self._job_id)
        if names:
            query = query.where(_series.c.name.in_(names))
        rows = self._tx.execute(query.order_by(_series.c.name, _series.c.rank)).mappings()
        return [
            from_row(
                SeriesInfo,
                row,
                first_step=int(row["first_at"]),
                last_step=int(row["last_at"]),
                kind=SYSTEM,
            )
            for row in rows
        ]

    def history(self, series_id: int, since: float = -math.inf) -> dict[int, Arrays]:
        """The points of a series in order of arrival, by attempt.

        Of a series with points from `since` on, batches that end before are not all read.
        """
        query = select(_batches.c.attempt, _batches.c.data)
        query = query.where(_batches.c.series_id == series_id).order_by(_batches.c.id.desc())
        newest: list[tuple[int, Arrays]] = []
        for attempt, data in self._tx.execute(query):
            points = unpack_arrays(data)
            newest.append((attempt, points))
            if points.times[-1] < since:
                break
        parts: dict[int, list[Arrays]] = {}
        for attempt, points in reversed(newest):
            parts.setdefault(attempt, []).append(points)
        own = select(_series.c.attempt, _series.c.tail).where(_series.c.id == series_id)
        row = self._tx.execute(own).first()
        if row is not None and row.tail:
            parts.setdefault(row.attempt, []).append(arrays(row.tail))
        return {attempt: joined(own) for attempt, own in parts.items()}


def _means(points: Arrays, since: float, bucket_s: float) -> Means:
    chosen = points.times >= since
    numbers = (points.times[chosen] // bucket_s).astype(np.int64)
    buckets, places = np.unique(numbers, return_inverse=True)
    counts = np.bincount(places)
    means = np.bincount(places, points.values[chosen]) / counts
    found = zip(means.tolist(), counts.tolist(), strict=True)
    return dict(zip(buckets.tolist(), found, strict=True))


def _state(tx: Connection, key: dict[str, Any]) -> _State:
    row = tx.execute(_STATE, key).mappings().first()
    return from_row(_State, row) if row else _State()


def _read(data: bytes, state: _State) -> tuple[list[Sample], _State]:
    """The samples whose lines end in `data`, and how much is taken then."""
    *lines, rest = (state.rest + data).split(b"\n")
    if len(rest) > MAX_LINE:
        lines.append(rest)
        rest = b""
    found = [sample_of(line) for line in lines if line.strip()]
    samples = [sample for sample in found if sample is not None]
    torn = len(found) - len(samples)
    length = state.length + len(data)
    return samples, replace(state, length=length, unreadable=state.unreadable + torn, rest=rest)
