"""Rules of which project may use which cluster, as they are stored."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from launcher.model.reach import ClusterRules
from launcher.store import dialect
from launcher.store.tables import cluster_rules as _rules


def rules(tx: Connection) -> ClusterRules:
    """All of them."""
    found = tx.execute(select(_rules.c.project, _rules.c.cluster, _rules.c.allowed))
    return ClusterRules({(project, cluster): allowed for project, cluster, allowed in found})


def put(tx: Connection, project: str, cluster: str, *, allowed: bool) -> None:
    row = {"project": project, "cluster": cluster, "allowed": allowed}
    tx.execute(dialect.upsert(tx, _rules), row)


def remove(tx: Connection, project: str, cluster: str) -> None:
    """Nothing is said any more of the two."""
    mine = (_rules.c.project == project, _rules.c.cluster == cluster)
    tx.execute(delete(_rules).where(*mine))
