"""Puts batches together: a job that reports once a second leaves a million rows of one point each.

All batches of a job between two ids become a *generation*: one row for each series and attempt, of
which each knows the ids of the batches that are in it. So what follows a cursor is the same before
and after, point by point, and in the same order. A row bears the id of its last batch.

Generations of a job follow each other without a gap from its first batch on. Behind them lie loose
batches. Eight generations of about the same size become one, until that has `MOST` points. Of a job
that has ended nothing is left loose.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, and_, bindparam, delete, func, select

from launcher.store.database import Database
from launcher.store.packing import Together, joined, pack_together, unpack_together
from launcher.store.tables import batches as _batches
from launcher.store.tables import generations as _generations

LOOSE = 512
"""Loose batches of a job from which on they are put together."""
_LEFT_LOOSE = 128
"""The newest: those who follow the job are told them first."""
_WORTH_IT = 16
"""Batches of a series that become one row, in the mean."""
_LEAST = 16
"""Loose batches of a job that has ended, from which on they are put together."""
_LARGE = 4096
"""Points of a batch, in the mean, from which on nothing is gained."""
_AT_ONCE = 8
"""Generations that become one."""
MOST = 2**20
"""Points of a generation."""
_ROWS_AT_ONCE = 20_000
_POINTS_A_ROW = 2**18

_LOOSE = (
    select(_batches.c.id, _batches.c.series_id, _batches.c.attempt, _batches.c.data)
    .where(_batches.c.job_id == bindparam("job"), _batches.c.id > bindparam("low"))
    .order_by(_batches.c.id)
)
_reach = (
    select(_generations.c.job_id, func.max(_generations.c.high).label("high"))
    .group_by(_generations.c.job_id)
    .subquery()
)
_LYING_LOOSE = (
    select(_batches.c.job_id, func.count())
    .outerjoin(_reach, _reach.c.job_id == _batches.c.job_id)
    .where(_batches.c.id > func.coalesce(_reach.c.high, 0))
    .group_by(_batches.c.job_id)
)
_BETWEEN = and_(
    _batches.c.job_id == bindparam("job"),
    _batches.c.id > bindparam("low"),
    _batches.c.id <= bindparam("high"),
)


class Generation(NamedTuple):
    """Batches with ids above `low` up to `high`."""

    low: int
    high: int
    points: int


class Row(NamedTuple):
    """A row of `batches` as it is, and its batches."""

    id: int
    series_id: int
    attempt: int
    batches: Together


class Compaction:
    """Told of new batches by any thread; `work` is called by one thread at a time.

    Args:
        database: of the points.
        turn: of who writes points.
    """

    def __init__(self, database: Database, turn: threading.Lock) -> None:
        self._database, self._turn = database, turn
        self._door = threading.Lock()
        self._loose: defaultdict[str, int] = defaultdict(int)
        """Job -> batches that came since the last look, or more."""
        self._enough: dict[str, int] = {}
        """How many make it worth another look, if not `LOOSE`."""

    def note(self, job_id: str, batches: int) -> None:
        """So many batches of a job are new."""
        with self._door:
            self._loose[job_id] += batches

    def find(self) -> None:
        """Note what lies loose since before this process: to be called once."""
        with self._database.read() as tx:
            found = tx.execute(_LYING_LOOSE).all()
        for job_id, count in found:
            self.note(job_id, int(count))

    def work(self) -> int:
        """Put together what lies loose in many pieces; gives how many jobs had some."""
        with self._door:
            due = [
                job for job, count in self._loose.items() if count >= self._enough.get(job, LOOSE)
            ]
        for job_id in due:
            self._forget(job_id)
            while self._put_together(job_id, _LEFT_LOOSE):
                pass
        return len(due)

    def finish(self, ended: Callable[[Collection[str]], Collection[str]]) -> int:
        """Put together all that lies loose of jobs that have ended; gives how many had some.

        Args:
            ended: tells which of these jobs have.
        """
        with self._door:
            waiting = list(self._loose)
        done = 0
        for job_id in ended(waiting) if waiting else ():
            if self._forget(job_id) >= _LEAST:
                done += 1
                while self._put_together(job_id, 0):
                    pass
        return done

    def _forget(self, job_id: str) -> int:
        """Look no more at a job until it has new batches; gives how many lay loose, or more."""
        with self._door:
            self._enough.pop(job_id, None)
            return self._loose.pop(job_id, 0)

    def _put_together(self, job_id: str, left: int) -> bool:
        """One generation more; True when there may be enough for another one.

        Args:
            job_id: whose.
            left: the newest, which stay loose; 0: none, for nothing will come.
        """
        with self._database.read() as tx:
            known = generations(tx, job_id)
            low = known[-1].high if known else 0
            rows, more = _first_rows(tx, job_id, low, left)
        if not rows:
            return False
        points = sum(len(row.batches.points.steps) for row in rows)
        series = len({(row.series_id, row.attempt) for row in rows})
        is_large = points >= _LARGE * len(rows)
        worth_it = _WORTH_IT if left else 2
        if not is_large and len(rows) < worth_it * series and not more:
            if not left:
                return False
            with self._door:  # later it will be more of the same series
                self._loose[job_id] += len(rows)
                self._enough[job_id] = 2 * _WORTH_IT * series
            return False
        made = Generation(low, rows[-1].id, points)
        if not self._store(job_id, [], [] if is_large else rows, made):
            return False
        self._merge(job_id, [*known, made])
        return more

    def _merge(self, job_id: str, known: Sequence[Generation]) -> None:
        """Put small generations together, the newest first, until none is one of many."""
        while len(some := _alike(known)) >= _AT_ONCE:
            made = Generation(some[0].low, some[-1].high, sum(one.points for one in some))
            with self._database.read() as tx:
                rows = list(_rows(tx, _LOOSE.where(_BETWEEN), job_id, made.low, made.high))
            if not self._store(job_id, some, rows, made):
                return
            known = [*known[: -len(some)], made]

    def _store(
        self, job_id: str, old: Sequence[Generation], rows: Sequence[Row], made: Generation
    ) -> bool:
        """Replace the rows by fewer; False where some are gone, since their job is."""
        key = {"job": job_id, "low": made.low, "high": made.high}
        fewer = [_as_row(job_id, row) for row in _together(rows)]
        highs = [one.high for one in old]
        with self._turn, self._database.begin() as tx:
            count = tx.scalar(select(func.count()).select_from(_batches).where(_BETWEEN), key)
            if not count or (rows and count != len(rows)):
                return False
            if rows:
                tx.execute(delete(_batches).where(_BETWEEN), key)
                tx.execute(_batches.insert(), fewer)
            own = _generations.c.job_id == job_id
            tx.execute(delete(_generations).where(own, _generations.c.high.in_(highs)))
            tx.execute(_generations.insert(), made._asdict() | {"job_id": job_id})
        return True


def generations(tx: Connection, job_id: str) -> list[Generation]:
    """Those of a job, the oldest first."""
    columns = (_generations.c.low, _generations.c.high, _generations.c.points)
    query = select(*columns).where(_generations.c.job_id == job_id)
    return [Generation(*row) for row in tx.execute(query.order_by(_generations.c.high))]


def _alike(known: Sequence[Generation]) -> Sequence[Generation]:
    """The longest row of the newest of which none has a quarter of all their points."""
    best: Sequence[Generation] = ()
    for first in range(len(known) - _AT_ONCE, -1, -1):
        some = known[first:]
        total = sum(one.points for one in some)
        if total > MOST:
            break
        if max(one.points for one in some) <= total / 4:
            best = some
    return best


def _first_rows(tx: Connection, job_id: str, low: int, left: int) -> tuple[list[Row], bool]:
    """The first loose rows, but for the newest; True when a generation is not all of them."""
    found: list[Row] = []
    points = 0
    for row in _rows(tx, _LOOSE, job_id, low):
        found.append(row)
        points += len(row.batches.points.steps)
        if points >= MOST or len(found) >= _ROWS_AT_ONCE:
            return found, True
    return found[: len(found) - left] if left < len(found) else [], False


def _rows(
    tx: Connection, query: Any, job_id: str, low: int, high: int | None = None
) -> Iterator[Row]:
    key = {"job": job_id, "low": low} | ({} if high is None else {"high": high})
    streaming = tx.execution_options(stream_results=True)
    for row_id, series_id, attempt, data in streaming.execute(query, key):
        yield Row(row_id, series_id, attempt, unpack_together(row_id, data))


def _together(rows: Iterable[Row]) -> Iterator[Row]:
    """One row for all of one series and attempt, unless that is too large."""
    waiting: dict[tuple[int, int], list[Row]] = {}
    counts: defaultdict[tuple[int, int], int] = defaultdict(int)
    for row in rows:
        key = row.series_id, row.attempt
        waiting.setdefault(key, []).append(row)
        counts[key] += len(row.batches.points.steps)
        if counts[key] >= _POINTS_A_ROW:
            del counts[key]
            yield _one(waiting.pop(key))
    for some in waiting.values():
        yield _one(some)


def _one(rows: Sequence[Row]) -> Row:
    last = rows[-1]
    if len(rows) == 1:
        return last
    return last._replace(
        batches=Together(
            np.concatenate([row.batches.ids for row in rows]),
            np.concatenate([row.batches.counts for row in rows]),
            joined([row.batches.points for row in rows]),
        )
    )


def _as_row(job_id: str, row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "job_id": job_id,
        "series_id": row.series_id,
        "attempt": row.attempt,
        "data": pack_together(row.batches),
    }
