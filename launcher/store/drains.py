"""The nodes that somebody wants left, as they are stored."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from launcher.model.node import Drain
from launcher.store import dialect
from launcher.store.rows import from_row
from launcher.store.tables import drains as _drains


def all(tx: Connection) -> list[Drain]:  # noqa: A001 - reads as `drains.all(tx)`
    query = select(_drains).order_by(_drains.c.cluster, _drains.c.node)
    return [from_row(Drain, row) for row in tx.execute(query).mappings()]


def put(tx: Connection, drain: Drain) -> None:
    """As wanted from now on; another wish for the same node is overwritten."""
    tx.execute(dialect.upsert(tx, _drains), vars(drain))


def remove(tx: Connection, drain: Drain) -> None:
    """Nobody wants it any more."""
    mine = (_drains.c.cluster == drain.cluster, _drains.c.node == drain.node)
    tx.execute(delete(_drains).where(*mine))
