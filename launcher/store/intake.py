"""Points on their way into the database: each line of a rank's spool once.

An append carries a stretch of a spool and its offset. The new length of the spool and the points of
the stretch are committed together, so whatever is repeated, reordered or cut short by a crash, each
line counts once. A row of `batches` holds the points that one append brought to one series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, select, tuple_, update

from launcher.store import dialect
from launcher.store.event_records import reader
from launcher.store.packing import Columns, pack
from launcher.store.rows import from_row, row_of
from launcher.store.spooled import SpoolState, read_stretch
from launcher.store.tables import batches as _batches
from launcher.store.tables import series as _series
from launcher.store.tables import spools as _spools
from launcher.store.tables import unread as _unread

SPOOL = "spool"
"""The stream that a rank reports into."""
_IDS_KEPT = 200_000
_NAMES_A_QUERY = 500


class StaleError(Exception):
    """A series that was known is gone: to be tried again after `Intake.forget`."""


class SpoolName(NamedTuple):
    """Names a spool: the columns of its key."""

    job_id: str
    attempt: int
    rank: int
    stream: str = SPOOL


@dataclass(frozen=True)
class Append:
    """Bytes of a spool from `offset` on."""

    spool: SpoolName
    offset: int
    data: bytes


class Owner(NamedTuple):
    """Whose points: a rank of a job in an attempt."""

    job_id: str
    rank: int
    attempt: int


Brought = Sequence[tuple[Owner, Mapping[str, Columns]]]
"""Series by name, each time some came."""


@dataclass(frozen=True)
class Taken:
    """The length of the spool of each append after it, and what ranks themselves reported."""

    lengths: list[int]
    reported: Brought
    batches: Mapping[str, int]
    """Job -> how many batches came."""


# Built once: building a statement costs as much as running it.
_KEY = tuple(_spools.c[name] for name in SpoolName._fields)
_SPOOLS = select(_spools).where(tuple_(*_KEY).in_(bindparam("keys", expanding=True)))
_SPOOLS = _SPOOLS.with_for_update()
_IDS = (
    select(_series.c.name, _series.c.id)
    .where(_series.c.job_id == bindparam("job_id"), _series.c.rank == bindparam("rank"))
    .where(_series.c.name.in_(bindparam("names", expanding=True)))
)
_older = _series.c.last_attempt > bindparam("attempt")
"""What a dead attempt had to say comes late: its points count, but are not the last."""
_GROW = (
    update(_series)
    .where(_series.c.id == bindparam("series_id"), _series.c.job_id == bindparam("owner"))
    .where(_series.c.rank == bindparam("of_rank"), _series.c.name == bindparam("called"))
    .values(
        count=_series.c.count + bindparam("more"),
        first_step=case(
            (_series.c.first_step <= bindparam("first"), _series.c.first_step),
            else_=bindparam("first"),
        ),
        last_step=case((_older, _series.c.last_step), else_=bindparam("last")),
        last_value=case((_older, _series.c.last_value), else_=bindparam("value")),
        last_attempt=case((_older, _series.c.last_attempt), else_=bindparam("attempt")),
    )
)


class Intake:
    """Takes points in transactions of its caller, who lets one write at a time."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, int], dict[str, int]] = {}
        """Job and rank -> name -> id of the series: a series keeps its id."""
        self._kept = 0

    def take(self, tx: Connection, appends: Sequence[Append]) -> Taken:
        """Take the lines that follow what is stored.

        What is stored already is passed over, and so is all when bytes before it are missing: the
        sender goes on from the length that it is told. A line may come in pieces.
        """
        states = spool_states(tx, {append.spool for append in appends})
        lengths: list[int] = []
        changed: set[SpoolName] = set()
        brought: list[tuple[Owner, Mapping[str, Columns]]] = []
        reported: list[tuple[Owner, Mapping[str, Columns]]] = []
        for append in appends:
            state = states[append.spool]
            if 0 <= append.offset <= state.length < append.offset + len(append.data):
                fresh = append.data[state.length - append.offset :]
                stretch = read_stretch(fresh, state, reader)
                states[append.spool] = state = stretch.state
                changed.add(append.spool)
                owner = Owner(append.spool.job_id, append.spool.rank, append.spool.attempt)
                if stretch.unread:
                    lines = {"lines": b"\n".join(stretch.unread)}
                    tx.execute(_unread.insert(), owner._asdict() | lines)
                if stretch.series:
                    brought.append((owner, stretch.series))
                    if append.spool.stream == SPOOL:
                        reported.append(brought[-1])
            lengths.append(state.length)
        save_states(tx, {name: states[name] for name in changed})
        self.add(tx, brought)
        batches: Counter[str] = Counter()
        for owner, series in brought:
            batches[owner.job_id] += len(series)
        return Taken(lengths, reported, batches)

    def add(self, tx: Connection, brought: Brought) -> None:
        """Store points, and bring the rows of their series up to date.

        Raises:
            StaleError: the transaction is to be given up.
        """
        rows, grown = [], []
        for owner, series in brought:
            ids = self._ids_of(tx, owner, series)
            for name, columns in series.items():
                about = {"series_id": ids[name], "owner": owner.job_id, "called": name}
                grown.append(about | {"of_rank": owner.rank} | _growth(owner.attempt, columns))
                rows.append(
                    {
                        "job_id": owner.job_id,
                        "series_id": ids[name],
                        "attempt": owner.attempt,
                        "data": pack(columns),
                    }
                )
        if rows:
            if tx.execute(_GROW, grown).rowcount != len(grown):
                raise StaleError
            tx.execute(_batches.insert(), rows)

    def forget(self, job_ids: Collection[str] | None = None) -> None:
        """Series of these jobs, or all, may be gone."""
        for key in list(self._ids):
            if job_ids is None or key[0] in job_ids:
                self._kept -= len(self._ids.pop(key))

    def _ids_of(
        self, tx: Connection, owner: Owner, series: Mapping[str, Columns]
    ) -> dict[str, int]:
        """The ids of the series, which are made where they are missing."""
        known = self._ids.get((owner.job_id, owner.rank), {})
        missing = [name for name in series if name not in known]
        if missing:
            if self._kept + len(missing) > _IDS_KEPT:
                self.forget()
                known, missing = {}, list(series)
            known = {**known, **_found_or_made(tx, owner, missing, series)}
            self._ids[owner.job_id, owner.rank] = known
            self._kept += len(missing)
        return known


def spool_states(tx: Connection, names: Collection[SpoolName]) -> dict[SpoolName, SpoolState]:
    """The states of these spools, locked until the transaction ends."""
    found = dict.fromkeys(names, SpoolState())
    for row in tx.execute(_SPOOLS, {"keys": [tuple(name) for name in names]}).mappings():
        name = SpoolName(*(row[column.name] for column in _KEY))
        found[name] = from_row(SpoolState, row)
    return found


def save_states(tx: Connection, states: Mapping[SpoolName, SpoolState]) -> None:
    rows = [row_of(state, _spools) | name._asdict() for name, state in states.items()]
    if rows:
        tx.execute(dialect.upsert(tx, _spools), rows)


def skipped(state: SpoolState, end: int) -> SpoolState:
    """A spool whose bytes up to `end` are missing."""
    return replace(state, length=end, unreadable=state.unreadable + 1, rest=b"")


def _found_or_made(
    tx: Connection, owner: Owner, names: Sequence[str], series: Mapping[str, Columns]
) -> dict[str, int]:
    found = _found(tx, owner, names)
    new = [
        {"job_id": owner.job_id, "rank": owner.rank, "name": name, "count": 0}
        | _begun(owner.attempt, series[name])
        for name in names
        if name not in found
    ]
    if new:
        tx.execute(_series.insert(), new)
        found |= _found(tx, owner, [name for name in names if name not in found])
    return found


def _found(tx: Connection, owner: Owner, names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(names), _NAMES_A_QUERY):
        some = list(names[start : start + _NAMES_A_QUERY])
        rows = tx.execute(_IDS, {"job_id": owner.job_id, "rank": owner.rank, "names": some})
        found |= {row.name: row.id for row in rows}
    return found


def _begun(attempt: int, columns: Columns) -> dict[str, Any]:
    """What the row of a series says before the points themselves are counted in."""
    return {
        "first_step": columns.steps[0],
        "last_attempt": attempt,
        "last_step": columns.steps[-1],
        "last_value": columns.values[-1],
    }


def _growth(attempt: int, columns: Columns) -> dict[str, Any]:
    return {
        "more": len(columns.steps),
        "first": min(columns.steps),
        "attempt": attempt,
        "last": columns.steps[-1],
        "value": columns.values[-1],
    }
