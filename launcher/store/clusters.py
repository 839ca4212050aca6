"""What is known of each Ray cluster: the session that speaks for it, and its nodes as last seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select, update

from launcher.model import codec
from launcher.model.node import NodeReport
from launcher.model.wire import Hello
from launcher.store import dialect
from launcher.store.rows import from_row
from launcher.store.tables import clusters as _clusters

_FENCE = select(_clusters.c.fence).where(_clusters.c.name == bindparam("name"))
DETACHED = "detached"
"""The kind of a cluster that nobody shall use any more; jobs of its time still name it."""


@dataclass(frozen=True)
class Cluster:
    """`fence` numbers its newest session; `last_seen` is the server's clock."""

    name: str
    kind: str
    fence: int
    session_host: str
    ray_version: str
    last_seen: float
    nodes: tuple[NodeReport, ...] = ()


def open_session(tx: Connection, hello: Hello, now: float) -> int:
    """Let a new session speak for the cluster; gives its fence.

    The nodes are forgotten until it reports them: what an earlier session saw proves nothing.
    """
    row = {
        "kind": hello.kind,
        "session_host": hello.host,
        "ray_version": hello.ray_version,
        "last_seen": now,
        "nodes": [],
    }
    new = dialect.insert(tx, _clusters).values(name=hello.cluster, fence=1, **row)
    upsert = new.on_conflict_do_update(
        index_elements=["name"], set_=row | {"fence": _clusters.c.fence + 1}
    )
    return int(tx.execute(upsert.returning(_clusters.c.fence)).scalar_one())


def detach(tx: Connection, name: str) -> None:
    """No session speaks for the cluster any more, also none that is still there."""
    row = {"kind": DETACHED, "nodes": [], "fence": _clusters.c.fence + 1}
    tx.execute(update(_clusters).where(_clusters.c.name == name).values(row))


def remove(tx: Connection, name: str) -> None:
    """It was one job's own, and is gone for ever: nobody asks for it again."""
    tx.execute(delete(_clusters).where(_clusters.c.name == name))


def get(tx: Connection, name: str) -> Cluster | None:
    row = tx.execute(select(_clusters).where(_clusters.c.name == name)).mappings().first()
    return from_row(Cluster, row) if row else None


def fence(tx: Connection, name: str) -> int | None:
    """Of the newest session of the cluster."""
    return tx.scalar(_FENCE, {"name": name})


def all(tx: Connection) -> list[Cluster]:  # noqa: A001 - reads as `clusters.all(tx)`
    query = select(_clusters).order_by(_clusters.c.name)
    return [from_row(Cluster, row) for row in tx.execute(query).mappings()]


def save_nodes(
    tx: Connection, name: str, fence: int, nodes: Sequence[NodeReport], now: float
) -> bool:
    """Take a session's word on its nodes; False when another session speaks for the cluster."""
    mine = (_clusters.c.name == name, _clusters.c.fence == fence)
    seen = update(_clusters).where(*mine).values(nodes=codec.encode(nodes), last_seen=now)
    return tx.execute(seen).rowcount == 1
