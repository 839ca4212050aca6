"""Kubernetes clusters that were attached, and the Ray clusters that single jobs have there."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, delete, func, select

from launcher.model import codec
from launcher.model.own_cluster import KubernetesCluster, OwnCluster, OwnState
from launcher.store import dialect, tables
from launcher.store.rows import from_row, row_of

_attached, _own = tables.kubernetes_clusters, tables.own_clusters


def attached(tx: Connection) -> list[KubernetesCluster]:
    """All that are attached, by name."""
    rows = tx.execute(select(_attached).order_by(_attached.c.name))
    found = [codec.decode(KubernetesCluster, row.settings) for row in rows]
    return [one for one in found if not one.is_detached]


def settings(tx: Connection, name: str) -> KubernetesCluster | None:
    """Of one that is attached, or was detached while jobs had clusters there."""
    found = tx.scalar(select(_attached.c.settings).where(_attached.c.name == name))
    return codec.decode(KubernetesCluster, found) if found else None


def attach(tx: Connection, cluster: KubernetesCluster) -> None:
    """In place of what that name stood for."""
    row = {"name": cluster.name, "settings": codec.encode(cluster)}
    tx.execute(dialect.upsert(tx, _attached), row)


def detach(tx: Connection, name: str, *, is_left: bool = False) -> None:
    """`is_left`: jobs have clusters there; where that is, is not forgotten."""
    before = settings(tx, name)
    if is_left and before is not None:
        attach(tx, replace(before, is_detached=True))
    else:
        tx.execute(delete(_attached).where(_attached.c.name == name))


def put(tx: Connection, own: OwnCluster) -> None:
    """As it is now."""
    tx.execute(dialect.upsert(tx, _own), row_of(own, _own))


def there(tx: Connection) -> list[OwnCluster]:
    """All that are not proven gone."""
    query = select(_own).where(_own.c.state != OwnState.GONE.value)
    rows = tx.execute(query.order_by(_own.c.job_id, _own.c.number)).mappings()
    return [from_row(OwnCluster, row) for row in rows]


def get(tx: Connection, job_id: str, number: int) -> OwnCluster | None:
    chosen = (_own.c.job_id == job_id, _own.c.number == number)
    row = tx.execute(select(_own).where(*chosen)).mappings().first()
    return from_row(OwnCluster, row) if row else None


def last_number(tx: Connection, job_id: str) -> int:
    """Of the job's newest one; 0: it never had one."""
    return tx.scalar(select(func.max(_own.c.number)).where(_own.c.job_id == job_id)) or 0
