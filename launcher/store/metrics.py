"""Metric points: taken from the ranks' spools exactly once, packed, read as curves.

An append carries a stretch of a spool and its offset. The new length of the spool and the points of
the stretch are committed together, so whatever is repeated, reordered or cut short by a crash, each
line counts once. A row of `batches` holds the points that one append brought to one series.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, select, update

from launcher.model.metric import MetricPoint
from launcher.store import dialect
from launcher.store.database import Database
from launcher.store.event_records import reader
from launcher.store.packing import Columns, pack, unpack
from launcher.store.rows import from_row, row_of
from launcher.store.spooled import SpoolState, read_again, read_stretch
from launcher.store.tables import batches as _batches
from launcher.store.tables import series as _series
from launcher.store.tables import spools as _spools
from launcher.store.tables import unread as _unread

SPOOL = "spool"
"""The stream that a rank reports into."""
_BATCHES_A_READ = 1000
_POINTS_A_READ = 10_000

# Statements of `append` are built once: building one costs as much as running it.
_SPOOL = (
    select(_spools)
    .where(*(column == bindparam(column.name) for column in _spools.primary_key))
    .with_for_update()
)
_SERIES = (
    select(_series)
    .where(_series.c.job_id == bindparam("job_id"), _series.c.rank == bindparam("rank"))
    .where(_series.c.name.in_(bindparam("names", expanding=True)))
    .with_for_update()
)
_BATCHES = select(
    _batches.c.id, _series.c.name, _series.c.rank, _batches.c.attempt, _batches.c.data
).join(_series, _batches.c.series_id == _series.c.id)
_GROW = update(_series).where(_series.c.id == bindparam("series_id"))


@dataclass(frozen=True)
class SeriesInfo:
    """A series of one rank over all attempts. `first_step` is its lowest; last is newest."""

    name: str
    rank: int
    count: int
    first_step: int
    last_step: int
    last_value: float


class Curve(NamedTuple):
    """One series in one attempt, in order of arrival; the i-th of each column make a point."""

    name: str
    rank: int
    attempt: int
    steps: list[int]
    values: list[float]
    times: list[float]


@dataclass(frozen=True)
class StoredProgress:
    """How far a rank is in an attempt; `first_*` and `last_at` are of its reports, by its clock."""

    attempt: int
    rank: int
    step: int
    total_steps: int | None
    first_step: int
    first_at: float
    last_at: float


class Metrics:
    """The points of all jobs. Appends take turns; reads wait for nobody."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = threading.Lock()

    def append(  # noqa: PLR0917 - a stream's name has four parts
        self,
        job_id: str,
        attempt: int,
        rank: int,
        offset: int,
        data: bytes,
        stream: str = SPOOL,
    ) -> int:
        """Take the lines that follow what is stored; gives the length of the spool after.

        What is stored already is passed over, and so is all when bytes before it are missing: the
        sender goes on from the length that it is told. A line may come in pieces.

        Raises:
            DiskFullError: nothing was taken.
        """
        with self._turn, self._database.begin() as tx:
            key = {"job_id": job_id, "attempt": attempt, "rank": rank, "stream": stream}
            state = _spool(tx, key)
            if not 0 <= offset <= state.length < offset + len(data):
                return state.length
            stretch = read_stretch(data[state.length - offset :], state, reader)
            if stretch.unread:
                about = {"job_id": job_id, "attempt": attempt, "rank": rank}
                tx.execute(_unread.insert(), about | {"lines": b"\n".join(stretch.unread)})
            tx.execute(dialect.upsert(tx, _spools), row_of(stretch.state, _spools) | key)
            if stretch.series:
                _save_points(tx, job_id, attempt, rank, stretch.series)
            return stretch.state.length

    def skip(  # noqa: PLR0917 - a stream's name has four parts
        self,
        job_id: str,
        attempt: int,
        rank: int,
        offset: int,
        count: int,
        stream: str = SPOOL,
    ) -> tuple[int, int]:
        """Take `count` bytes of a spool for missing; gives its length before and after."""
        with self._turn, self._database.begin() as tx:
            key = {"job_id": job_id, "attempt": attempt, "rank": rank, "stream": stream}
            state = _spool(tx, key)
            end = offset + count
            if not 0 <= offset <= state.length < end:
                return state.length, state.length
            gone = replace(state, length=end, unreadable=state.unreadable + 1, rest=b"")
            tx.execute(dialect.upsert(tx, _spools), row_of(gone, _spools) | key)
            return state.length, end

    def series(self, job_id: str) -> list[SeriesInfo]:
        """All series of the job, by name and rank."""
        query = select(_series).where(_series.c.job_id == job_id)
        with self._database.read() as tx:
            rows = tx.execute(query.order_by(_series.c.name, _series.c.rank)).mappings()
            return [from_row(SeriesInfo, row, last_value=_nan(row["last_value"])) for row in rows]

    def latest(self, job_id: str) -> dict[str, float]:
        """The newest value of each name, of the lowest rank that reports it."""
        return self.latest_of([job_id]).get(job_id, {})

    def latest_of(self, job_ids: Collection[str]) -> dict[str, dict[str, float]]:
        """`latest` of many jobs at once, by job."""
        columns = (_series.c.job_id, _series.c.name, _series.c.last_value)
        query = select(*columns).where(_series.c.job_id.in_(job_ids))
        found: dict[str, dict[str, float]] = {}
        with self._database.read() as tx:
            for job_id, name, value in tx.execute(query.order_by(_series.c.name, _series.c.rank)):
                found.setdefault(job_id, {}).setdefault(name, _nan(value))
        return found

    def curves(self, job_id: str, name: str | None = None, rank: int | None = None) -> list[Curve]:
        """Every point of these series as it was reported, as columns: a million in a moment."""
        wanted = [_series.c.job_id == job_id]
        if name is not None:
            wanted.append(_series.c.name == name)
        if rank is not None:
            wanted.append(_series.c.rank == rank)
        query = _BATCHES.where(*wanted).order_by(_batches.c.id)
        found: dict[tuple[str, int, int], Curve] = {}
        with self._database.read() as tx:
            for row in tx.execute(query):
                key = (row.name, row.rank, row.attempt)
                curve = found.setdefault(key, Curve(*key, [], [], []))
                steps, values, times = unpack(row.data)
                curve.steps.extend(steps)
                curve.values.extend(values)
                curve.times.extend(times)
        return list(found.values())

    def points(
        self, job_id: str, name: str | None = None, rank: int | None = None
    ) -> list[MetricPoint]:
        """The same, point by point: series by series, in each in order of arrival."""
        return [point for curve in self.curves(job_id, name, rank) for point in _points(curve)]

    def batches_after(self, job_id: str, cursor: int) -> tuple[int, list[MetricPoint]]:
        """Points that arrived after `cursor` (0: all), and the cursor after them.

        A call gives a bounded number of them, in whole batches; when there are none, the cursor
        stays. What follows a cursor is the same in every call, and only grows.
        """
        wanted = and_(_batches.c.job_id == job_id, _batches.c.id > cursor)
        query = _BATCHES.where(wanted).order_by(_batches.c.id).limit(_BATCHES_A_READ)
        points: list[MetricPoint] = []
        with self._database.read() as tx:
            for batch, name, rank, attempt, data in tx.execute(query):
                cursor = batch
                points.extend(_points(Curve(name, rank, attempt, *unpack(data))))
                if len(points) >= _POINTS_A_READ:
                    break
        return cursor, points

    def progress(self, job_id: str) -> StoredProgress | None:
        """Of the lowest rank that reported in the newest attempt that has reports."""
        return self.progress_of([job_id]).get(job_id)

    def progress_of(self, job_ids: Collection[str]) -> dict[str, StoredProgress]:
        """`progress` of many jobs at once, by job."""
        reported = and_(_spools.c.job_id.in_(job_ids), _spools.c.step.is_not(None))
        # What a rank says of itself counts before what its agent saw.
        order = (_spools.c.attempt.desc(), _spools.c.rank, _spools.c.stream.desc())
        query = select(_spools).where(reported).order_by(*order)
        found: dict[str, StoredProgress] = {}
        with self._database.read() as tx:
            for row in tx.execute(query).mappings():
                if row["job_id"] not in found:
                    times = {name: _nan(row[name]) for name in ("first_at", "last_at")}
                    found[row["job_id"]] = from_row(StoredProgress, row, **times)
        return found

    def reported(self, job_id: str, attempt: int) -> bool:
        """True when any rank reported a point or a checkpoint in this attempt."""
        own = and_(_spools.c.job_id == job_id, _spools.c.attempt == attempt)
        query = select(_spools.c.rank).where(own, _spools.c.records > 0).limit(1)
        with self._database.read() as tx:
            return tx.execute(query).first() is not None

    def forget(self, job_ids: Collection[str]) -> None:
        """Delete every point of these jobs."""
        with self._turn, self._database.begin() as tx:
            for table in (_batches, _series, _spools, _unread):
                tx.execute(delete(table).where(table.c.job_id.in_(job_ids)))

    def drop_points(self, job_id: str) -> None:
        """Delete the points of a job; the last value of each series stays."""
        with self._turn, self._database.begin() as tx:
            for table in (_batches, _unread):
                tx.execute(delete(table).where(table.c.job_id == job_id))

    def has_unread(self, job_id: str) -> bool:
        """Whether records of the job's event files wait for tensorboard to be installed here."""
        query = select(_unread.c.id).where(_unread.c.job_id == job_id).limit(1)
        with self._database.read() as tx:
            return tx.execute(query).first() is not None

    def read_kept(self) -> None:
        """Read what was kept unread, if it can be read by now."""
        with self._database.read() as tx:
            waiting = tx.scalars(select(_unread.c.id).order_by(_unread.c.id)).all()
        if not waiting or reader() is None:
            return
        for number in waiting:
            with self._turn, self._database.begin() as tx:
                row = tx.execute(select(_unread).where(_unread.c.id == number)).first()
                if row is None:
                    continue
                series = read_again(row.lines.split(b"\n"), reader)
                if series:
                    _save_points(tx, row.job_id, row.attempt, row.rank, series)
                tx.execute(delete(_unread).where(_unread.c.id == number))

    def unreadable(self, job_id: str) -> int:
        """Lines of the job's spools that were no records."""
        query = select(_spools.c.unreadable).where(_spools.c.job_id == job_id)
        with self._database.read() as tx:
            return sum(tx.scalars(query))


def _spool(tx: Connection, key: dict[str, Any]) -> SpoolState:
    """The spool's state, locked until the transaction ends."""
    row = tx.execute(_SPOOL, key).mappings().first()
    return from_row(SpoolState, row) if row else SpoolState()


def _save_points(
    tx: Connection, job_id: str, attempt: int, rank: int, series: dict[str, Columns]
) -> None:
    ids = _count_in(tx, job_id, attempt, rank, series)
    rows = [
        {"job_id": job_id, "series_id": ids[name], "attempt": attempt, "data": pack(columns)}
        for name, columns in series.items()
    ]
    tx.execute(_batches.insert(), rows)


def _count_in(
    tx: Connection, job_id: str, attempt: int, rank: int, series: dict[str, Columns]
) -> dict[str, int]:
    """Bring the series' own rows up to date; gives their ids by name."""
    known = {row["name"]: row for row in _known(tx, job_id, rank, series)}
    new = [
        {"job_id": job_id, "rank": rank, "name": name, **_figures(columns, attempt)}
        for name, columns in series.items()
        if name not in known
    ]
    if known:
        changed = [_grown(row, series[name], attempt) for name, row in known.items()]
        tx.execute(_GROW, changed)
    if new:
        tx.execute(_series.insert(), new)
        known = {row["name"]: row for row in _known(tx, job_id, rank, series)}
    return {name: row["id"] for name, row in known.items()}


def _known(tx: Connection, job_id: str, rank: int, series: Iterable[str]) -> Iterable[Any]:
    key = {"job_id": job_id, "rank": rank, "names": list(series)}
    return tx.execute(_SERIES, key).mappings().all()


def _figures(columns: Columns, attempt: int) -> dict[str, Any]:
    return {
        "count": len(columns.steps),
        "first_step": min(columns.steps),
        "last_attempt": attempt,
        "last_step": columns.steps[-1],
        "last_value": columns.values[-1],
    }


def _grown(row: Any, columns: Columns, attempt: int) -> dict[str, Any]:
    """A series' figures with more points; those of an older attempt that come late are not last."""
    figures = _figures(columns, attempt)
    if attempt < row["last_attempt"]:
        figures |= {name: row[name] for name in ("last_attempt", "last_step", "last_value")}
    figures["count"] += row["count"]
    figures["first_step"] = min(figures["first_step"], row["first_step"])
    return figures | {"series_id": row["id"]}


def _points(curve: Curve) -> Iterator[MetricPoint]:
    about = (repeat(curve.attempt), repeat(curve.rank))
    return map(MetricPoint, repeat(curve.name), curve.steps, curve.values, curve.times, *about)


def _nan(value: float | None) -> float:
    """SQLite stores NaN as NULL."""
    return math.nan if value is None else value
