"""The ranks that are slower than the others of their gang, for as long as they are."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from launcher.store import dialect
from launcher.store.rows import from_row, row_of
from launcher.store.tables import stragglers as _stragglers


@dataclass(frozen=True)
class Straggler:
    """`since`: by the server's clock. `factor`: as `launcher.views` tells it."""

    rank: int
    node: str
    factor: float
    step: int
    since: float


def add(tx: Connection, job_id: str, attempt: int, straggler: Straggler) -> None:
    row = row_of(straggler, _stragglers) | {"job_id": job_id, "attempt": attempt}
    tx.execute(dialect.upsert(tx, _stragglers), row)


def remove(tx: Connection, job_id: str, attempt: int, rank: int) -> bool:
    """It keeps pace again; False when it was not there."""
    table = _stragglers
    one = (table.c.job_id == job_id, table.c.attempt == attempt, table.c.rank == rank)
    return bool(tx.execute(delete(table).where(*one)).rowcount)


def of(tx: Connection, job_id: str, attempt: int) -> list[Straggler]:
    """Those of an attempt, by rank."""
    table = _stragglers
    query = select(table).where(table.c.job_id == job_id, table.c.attempt == attempt)
    rows = tx.execute(query.order_by(table.c.rank)).mappings()
    return [from_row(Straggler, row) for row in rows]
