"""Who sent which package: its hash alone gives nobody the right to run or read it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, exists, select

from launcher.store import dialect, tables

_uploads, _jobs = tables.uploads, tables.jobs


def note(tx: Connection, user: str, sha256: str, now: float) -> None:
    """The user has sent all its bytes."""
    tx.execute(dialect.upsert(tx, _uploads), {"user": user, "sha256": sha256, "at": now})


def forget(tx: Connection, before: float) -> None:
    """Uploads of earlier times: jobs have them by now, or nobody wants them."""
    tx.execute(delete(_uploads).where(_uploads.c.at < before))


def may_run(tx: Connection, user: str, sha256: str, within: Collection[str] | None) -> bool:
    """Whether the user sent the package, or a job of these projects (None: any) runs it."""
    sent = exists().where(_uploads.c.user == user, _uploads.c.sha256 == sha256)
    known = exists().where(_jobs.c.code == sha256)
    if within is not None:
        known = exists().where(_jobs.c.code == sha256, _jobs.c.project.in_(within))
    return bool(tx.scalar(select(sent))) or bool(tx.scalar(select(known)))
