"""The history of jobs: append only, numbered across all jobs, so that a number is a cursor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from launcher.model.job import WARNING, Event
from launcher.store.rows import from_row, row_of
from launcher.store.tables import events as _events

_INSERT = _events.insert()


@dataclass(frozen=True)
class StoredEvent:
    """An event with its place in the history. `time`: seconds since the epoch, server's clock."""

    id: int
    job_id: str
    time: float
    kind: str
    text: str
    attempt: int | None = None


def append(tx: Connection, job_id: str, events: Iterable[Event], now: float) -> None:
    append_all(tx, ((job_id, event) for event in events), now)


def append_all(tx: Connection, told: Iterable[tuple[str, Event]], now: float) -> None:
    """Events of several jobs, each with the id of its job."""
    rows = [row_of(event, _events) | {"job_id": job_id, "time": now} for job_id, event in told]
    if rows:
        tx.execute(_INSERT, rows)


def after(tx: Connection, job_id: str, after_id: int = 0, limit: int = 1000) -> list[StoredEvent]:
    """The job's events that follow event `after_id`, oldest first."""
    query = select(_events).where(_events.c.job_id == job_id, _events.c.id > after_id)
    rows = tx.execute(query.order_by(_events.c.id).limit(limit)).mappings()
    return [from_row(StoredEvent, row) for row in rows]


def newest(tx: Connection, job_id: str) -> int:
    """The id of the job's newest event; 0 when it has none."""
    return tx.scalar(select(func.max(_events.c.id)).where(_events.c.job_id == job_id)) or 0


def last(tx: Connection, job_id: str, limit: int) -> list[StoredEvent]:
    """The job's newest events, oldest first."""
    query = select(_events).where(_events.c.job_id == job_id).order_by(_events.c.id.desc())
    rows = tx.execute(query.limit(limit)).mappings().all()
    return [from_row(StoredEvent, row) for row in reversed(rows)]


def of_kinds(tx: Connection, job_id: str, kinds: Iterable[str], limit: int) -> list[StoredEvent]:
    """The job's first events of these kinds, oldest first."""
    wanted = (_events.c.job_id == job_id, _events.c.kind.in_(list(kinds)))
    rows = tx.execute(select(_events).where(*wanted).order_by(_events.c.id).limit(limit))
    return [from_row(StoredEvent, row) for row in rows.mappings()]


def has(tx: Connection, job_id: str, event: Event) -> bool:
    """Whether the job was told the same before."""
    same = [_events.c[name] == value for name, value in row_of(event, _events).items()]
    return (
        tx.execute(select(_events.c.id).where(_events.c.job_id == job_id, *same)).first()
        is not None
    )


def warnings(tx: Connection, job_id: str) -> list[str]:
    """What the job's user should mend, each text once, oldest first."""
    query = select(_events.c.text).where(_events.c.job_id == job_id, _events.c.kind == WARNING)
    return list(dict.fromkeys(tx.execute(query.order_by(_events.c.id)).scalars()))
