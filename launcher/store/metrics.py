"""Metric points: taken from the ranks' spools exactly once, packed, read as curves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, and_, delete, select

from launcher.model.metric import MetricPoint
from launcher.store.compaction import Compaction
from launcher.store.database import Database
from launcher.store.event_records import reader
from launcher.store.intake import (
    SPOOL,
    Append,
    Intake,
    Owner,
    SpoolName,
    StaleError,
    save_states,
    skipped,
    spool_states,
)
from launcher.store.packing import Columns, unpack
from launcher.store.reading import BATCHES, MainSeries, Reading, SeriesInfo, main_series, number_of
from launcher.store.rounds import Rounds
from launcher.store.rows import from_row
from launcher.store.spooled import read_again
from launcher.store.tables import batches as _batches
from launcher.store.tables import generations as _generations
from launcher.store.tables import series as _series
from launcher.store.tables import spools as _spools
from launcher.store.tables import unread as _unread

T = TypeVar("T")


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


OnReports = Callable[[str, int, int, Mapping[str, Columns]], None]
"""Called with job, attempt and rank, and with the points that the rank reported, once stored."""


class Metrics:
    """The points of all jobs. Appends take turns; reads wait for nobody."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = threading.Lock()
        self._intake = Intake()
        self._appends: Rounds[Append, int] = Rounds(self._take, self._turn)
        self.compaction = Compaction(database, self._turn)
        self.on_reports: OnReports = lambda *_: None
        self.points_taken = 0
        """Since the server started."""

    def append(  # noqa: PLR0917 - a stream's name has four parts
        self,
        job_id: str,
        attempt: int,
        rank: int,
        offset: int,
        data: bytes,
        stream: str = SPOOL,
    ) -> int:
        """As `append_all`, of one spool."""
        name = SpoolName(job_id, attempt, rank, stream)
        return self.append_all([Append(name, offset, data)])[0]

    def append_all(self, appends: Sequence[Append]) -> Sequence[int]:
        """Take the lines that follow what is stored; gives the length of each spool after.

        What comes at the same moment from several threads is one transaction.

        Raises:
            DiskFullError: nothing was taken.
        """
        return self._appends.ask(appends)

    def _take(self, appends: Sequence[Append]) -> Sequence[int]:
        taken = self._storing(lambda tx: self._intake.take(tx, appends))
        for job_id, batches in taken.batches.items():
            self.compaction.note(job_id, batches)
        for owner, series in taken.reported:
            self.points_taken += sum(len(columns.steps) for columns in series.values())
            self.on_reports(owner.job_id, owner.attempt, owner.rank, series)
        return taken.lengths

    def _storing(self, store: Callable[[Connection], T]) -> T:
        """What `store` gives, in a transaction; whose turn it is holds `_turn`."""
        try:
            with self._database.begin() as tx:
                return store(tx)
        except StaleError:
            self._intake.forget()
            with self._database.begin() as tx:
                return store(tx)
        except BaseException:
            self._intake.forget()  # ids of series that were made in it and are gone with it
            raise

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
        name, end = SpoolName(job_id, attempt, rank, stream), offset + count
        with self._turn, self._database.begin() as tx:
            state = spool_states(tx, {name})[name]
            if not 0 <= offset <= state.length < end:
                return state.length, state.length
            save_states(tx, {name: skipped(state, end)})
            return state.length, end

    def series(self, job_id: str) -> list[SeriesInfo]:
        """All series of the job, by name and rank."""
        with self.reading(job_id) as reading:
            return reading.series()

    @contextmanager
    def reading(self, job_id: str) -> Iterator[Reading]:
        """The job's points as they stand at one moment."""
        with self._database.read() as tx:
            yield Reading(tx, job_id)

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
                found.setdefault(job_id, {}).setdefault(name, number_of(value))
        return found

    def main_series(self, job_ids: Collection[str]) -> dict[str, MainSeries]:
        """The series that stands for each job: its loss, else what has that in its name, else any.

        Of the lowest rank that reports it; jobs without points are left out.
        """
        with self._database.read() as tx:
            return {job: found for job in job_ids if (found := main_series(tx, job)) is not None}

    def counts(self, series_ids: Collection[int]) -> dict[int, int]:
        """How many points each of these series has; those that are gone are left out."""
        query = select(_series.c.id, _series.c.count).where(_series.c.id.in_(series_ids))
        with self._database.read() as tx:
            return {series: int(count) for series, count in tx.execute(query)}

    def curves(self, job_id: str, name: str | None = None, rank: int | None = None) -> list[Curve]:
        """Every point of these series as it was reported, as columns: a million in a moment."""
        wanted = [_series.c.job_id == job_id]
        if name is not None:
            wanted.append(_series.c.name == name)
        if rank is not None:
            wanted.append(_series.c.rank == rank)
        query = BATCHES.where(*wanted).order_by(_batches.c.id)
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
        return [
            point
            for curve in self.curves(job_id, name, rank)
            for point in map(
                MetricPoint,
                repeat(curve.name),
                *curve[3:],
                repeat(curve.attempt),
                repeat(curve.rank),
            )
        ]

    def batches_after(self, job_id: str, cursor: int) -> tuple[int, list[MetricPoint]]:
        """Points that arrived after `cursor` (0: all), and the cursor after them.

        A call gives a bounded number of them, in whole batches; when there are none, the cursor
        stays. What follows a cursor is the same in every call, and only grows.
        """
        with self.reading(job_id) as reading:
            return reading.after(cursor)

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
                    times = {name: number_of(row[name]) for name in ("first_at", "last_at")}
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
            self._intake.forget(job_ids)
            for table in (_batches, _generations, _series, _spools, _unread):
                tx.execute(delete(table).where(table.c.job_id.in_(job_ids)))

    def drop_points(self, job_id: str) -> None:
        """Delete the points of a job; the last value of each series stays."""
        with self._turn, self._database.begin() as tx:
            for table in (_batches, _generations, _unread):
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
            with self._turn:
                self._storing(partial(self._read_again, number))

    def _read_again(self, number: int, tx: Connection) -> None:
        row = tx.execute(select(_unread).where(_unread.c.id == number)).first()
        if row is None:
            return
        series = read_again(row.lines.split(b"\n"), reader)
        if series:
            self._intake.add(tx, [(Owner(row.job_id, row.rank, row.attempt), series)])
        tx.execute(delete(_unread).where(_unread.c.id == number))

    def unreadable(self, job_id: str) -> int:
        """Lines of the job's spools that were no records."""
        query = select(_spools.c.unreadable).where(_spools.c.job_id == job_id)
        with self._database.read() as tx:
            return sum(tx.scalars(query))
