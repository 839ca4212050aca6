"""Secrets of users, sealed, by project and name. A project's own goes before one of all."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from launcher.store import dialect
from launcher.store.rows import from_row, row_of
from launcher.store.tables import secrets as _secrets

ALL_PROJECTS = ""


@dataclass(frozen=True)
class StoredSecret:
    """`sealed`: what `Sealer` made of the value. `project`: empty for all projects."""

    project: str
    name: str
    sealed: bytes
    user: str
    set_at: float


def put(tx: Connection, secret: StoredSecret) -> bool:
    """Keep a secret; True when there was none of that name in that project."""
    is_new = get(tx, secret.project, secret.name) is None
    tx.execute(dialect.upsert(tx, _secrets), row_of(secret, _secrets))
    return is_new


def get(tx: Connection, project: str, name: str) -> StoredSecret | None:
    """The one of exactly that project."""
    query = select(_secrets).where(_secrets.c.project == project, _secrets.c.name == name)
    row = tx.execute(query).mappings().first()
    return from_row(StoredSecret, row) if row else None


def list_(tx: Connection) -> list[StoredSecret]:
    """By name, then by project."""
    query = select(_secrets).order_by(_secrets.c.name, _secrets.c.project)
    return [from_row(StoredSecret, row) for row in tx.execute(query).mappings()]


def names_for(tx: Connection, project: str) -> set[str]:
    """What the jobs of a project may name."""
    mine = _secrets.c.project.in_([project, ALL_PROJECTS])
    return set(tx.scalars(select(_secrets.c.name).where(mine)))


def of_project(tx: Connection, project: str, names: Iterable[str]) -> dict[str, StoredSecret]:
    """Those of the names that a job of the project gets."""
    found: dict[str, StoredSecret] = {}
    for name in names:
        secret = get(tx, project, name) or get(tx, ALL_PROJECTS, name)
        if secret is not None:
            found[name] = secret
    return found


def remove(tx: Connection, project: str, name: str) -> bool:
    """False when there is none."""
    mine = (_secrets.c.project == project, _secrets.c.name == name)
    return bool(tx.execute(delete(_secrets).where(*mine)).rowcount)


def replace_all(tx: Connection, secrets: Collection[StoredSecret]) -> None:
    """Write these over those of the same project and name."""
    if secrets:
        rows = [row_of(secret, _secrets) for secret in secrets]
        tx.execute(dialect.upsert(tx, _secrets), rows)
