"""Who changed what through the API, and when: written before it is answered, kept for a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, literal, or_, select

from launcher.model.access import EVERY
from launcher.store import tables
from launcher.store.rows import from_row

_audit = tables.audit


@dataclass(frozen=True)
class Entry:
    """One change, or one that was refused.

    Attributes:
        at: when, by the server's clock.
        user: by whose name.
        token: id of the token; empty for the server's own.
        did: what, as `job.cancel`.
        thing: to which job, project, user, ...; empty where it is the server itself.
        project: whose that is; empty where it is of none.
        status: of the answer; 400 and above: it was refused.
        address: from where it was asked.
    """

    at: float
    user: str
    token: str
    did: str
    thing: str
    project: str
    status: int
    address: str


@dataclass(frozen=True)
class StoredEntry(Entry):
    id: int = 0


def append(tx: Connection, entries: Sequence[Entry]) -> None:
    if entries:
        tx.execute(_audit.insert(), [asdict(one) for one in entries])


def newest(
    tx: Connection,
    *,
    limit: int,
    user: str | None = None,
    thing: str | None = None,
    projects: Collection[str] | None = None,
    since: float | None = None,
) -> list[StoredEntry]:
    """The newest first; `projects`: only of these, `EVERY` is all; None: of all and of none."""
    query = select(_audit).order_by(_audit.c.id.desc()).limit(limit)
    if user is not None:
        query = query.where(_audit.c.user == user)
    if thing is not None:
        query = query.where(_names(thing))
    if projects is not None and EVERY in projects:
        query = query.where(_audit.c.project != "")
    elif projects is not None:
        query = query.where(_audit.c.project.in_(projects))
    if since is not None:
        query = query.where(_audit.c.at >= since)
    return [from_row(StoredEntry, row) for row in tx.execute(query).mappings()]


def _names(thing: str) -> ColumnElement[bool]:
    """It is what an entry tells, or one word of that: `a, b`, `ada is viewer`."""
    words = literal(" ") + func.replace(_audit.c.thing, ",", "") + " "
    return or_(_audit.c.thing == thing, words.contains(f" {thing} ", autoescape=True))


def forget(tx: Connection, before: float) -> int:
    """Let go what is older; gives how many entries that were."""
    return tx.execute(delete(_audit).where(_audit.c.at < before)).rowcount
