"""What users of projects held in the past: a row each, as of its last addition."""

from __future__ import annotations

from sqlalchemy import Connection, select

from launcher.model.project import Usage
from launcher.model.usage import together
from launcher.store import dialect, tables
from launcher.store.rows import from_row, row_of

_usage = tables.usage


def add(tx: Connection, usage: Usage) -> Usage:
    """What somebody held comes to what he held before; gives the sum."""
    mine = (_usage.c.project == usage.project, _usage.c.user == usage.user)
    row = tx.execute(select(_usage).where(*mine).with_for_update()).mappings().first()
    total = together(from_row(Usage, row), usage) if row else usage
    tx.execute(dialect.upsert(tx, _usage), row_of(total, _usage))
    return total


def all(tx: Connection) -> list[Usage]:  # noqa: A001 - reads as `usage.all(tx)`
    """Each as of its own moment, by project and user."""
    query = select(_usage).order_by(_usage.c.project, _usage.c.user)
    return [from_row(Usage, row) for row in tx.execute(query).mappings()]
