"""Messages to receivers outside: written with the change that they tell of, sent until taken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from launcher import names
from launcher.store.rows import from_row
from launcher.store.tables import outbox as _outbox


@dataclass(frozen=True)
class StoredMessage:
    """`message_id` is the same in every try. `next_at`: None when it was delivered or given up."""

    id: int
    job_id: str
    message_id: str
    kind: str
    url: str
    url_secret: str
    body: str
    created_at: float
    tries: int
    next_at: float | None
    problem: str = ""

    @property
    def receiver(self) -> str:
        """What tells one receiver from another."""
        return self.url or f"secret {self.url_secret}"


def append(
    tx: Connection, job_id: str, kind: str, *, notify: Mapping[str, Any], body: Any, now: float
) -> None:
    """Store a message that is due at once.

    Args:
        tx: the one that stores the change.
        job_id: whose.
        kind: the moment that it tells of.
        notify: `url` or `url_secret` of the receiver.
        body: JSON values.
        now: seconds since the epoch.
    """
    tx.execute(
        _outbox.insert().values(
            job_id=job_id,
            message_id=f"msg_{names.random_part(24)}",
            kind=kind,
            url=notify.get("url") or "",
            url_secret=notify.get("url_secret") or "",
            body=json.dumps(body, separators=(",", ":")),
            created_at=now,
            tries=0,
            next_at=now,
            problem="",
        )
    )


def due(tx: Connection, now: float, limit: int = 100) -> list[StoredMessage]:
    """What should be tried now, the longest due first."""
    query = select(_outbox).where(_outbox.c.next_at <= now).order_by(_outbox.c.next_at)
    rows = tx.execute(query.limit(limit)).mappings()
    return [from_row(StoredMessage, row) for row in rows]


def next_due(tx: Connection) -> float | None:
    """When the next one is due; None when none waits."""
    moment: float | None = tx.scalar(select(func.min(_outbox.c.next_at)))
    return moment


def claim(tx: Connection, message: StoredMessage, until: float) -> bool:
    """Take a message for one try; it is due again by `until`, should this process die."""
    mine = (_outbox.c.id == message.id, _outbox.c.next_at == message.next_at)
    return bool(tx.execute(update(_outbox).where(*mine).values(next_at=until)).rowcount)


def delivered(tx: Connection, message: StoredMessage, now: float) -> None:
    _end(tx, message, tries=message.tries + 1, next_at=None, delivered_at=now, problem="")


def failed(tx: Connection, message: StoredMessage, problem: str, next_at: float | None) -> bool:
    """One try more that failed; `next_at`: None gives it up. False when its job was removed."""
    return _end(tx, message, tries=message.tries + 1, next_at=next_at, problem=problem)


def forget_ended(tx: Connection, before: float) -> None:
    """Delete what was delivered or given up and is older than that."""
    over = (_outbox.c.next_at.is_(None), _outbox.c.created_at < before)
    tx.execute(delete(_outbox).where(*over))


def _end(tx: Connection, message: StoredMessage, **values: Any) -> bool:
    mine = _outbox.c.id == message.id
    return bool(tx.execute(update(_outbox).where(mine).values(**values)).rowcount)
