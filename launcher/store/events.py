"""The history of jobs: append only, numbered across all jobs, so that a number is a cursor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select, true

from launcher.model.job import Event
from launcher.store.rows import from_row, row_of
from launcher.store.tables import events as _events


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
    rows = [row_of(event, _events) | {"job_id": job_id, "time": now} for event in events]
    if rows:
        tx.execute(_events.insert(), rows)


def after(tx: Connection, job_id: str, after_id: int = 0, limit: int = 1000) -> list[StoredEvent]:
    """The job's events that follow event `after_id`, oldest first."""
    return _find(tx, _events.c.job_id == job_id, after_id, limit)


def after_all(tx: Connection, after_id: int = 0, limit: int = 1000) -> list[StoredEvent]:
    """The events of all jobs that follow event `after_id`, oldest first."""
    return _find(tx, true(), after_id, limit)


def _find(
    tx: Connection, which: ColumnElement[bool], after_id: int, limit: int
) -> list[StoredEvent]:
    query = select(_events).where(which, _events.c.id > after_id).order_by(_events.c.id)
    return [from_row(StoredEvent, row) for row in tx.execute(query.limit(limit)).mappings()]
