"""Which of several servers on one PostgreSQL decides: who holds the row `leader`, by its epoch.

The epoch is the row's key. Every transaction that writes takes a share of that key first (`fence`),
so whoever takes the row over waits until those of the holder before have ended, and one that begins
later finds its epoch gone. A holder that was paused, cut off or slow changes nothing any more.
How long a holder was silent is told by the database's clock alone.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, text, update

from launcher.errors import TryAgainError
from launcher.store import migrations
from launcher.store.database import Database
from launcher.store.tables import leader as _leader

LEASE_S = 4.0
"""A holder that did not say for so long that it lives has lost the row to whoever asks next."""

_NOW = func.extract("epoch", func.clock_timestamp())
_FENCE = (
    select(_leader.c.epoch)
    .where(_leader.c.epoch == bindparam("mine"))
    .with_for_update(read=True, key_share=True)
)
_RENEW = (
    update(_leader)
    .where(_leader.c.epoch == bindparam("mine"))
    .values(renewed_at=_NOW)
    .returning(_leader.c.epoch)
)
_LOOK = select(
    _leader.c.epoch,
    _leader.c.url,
    (_NOW - _leader.c.renewed_at).label("silent_s"),
    _leader.c.holder,
)
# A server of an older version must not decide over tables that it does not know.
_KNOWN = text("EXISTS (SELECT 1 FROM alembic_version WHERE version_num = :newest)")


class LostLeadError(TryAgainError):
    """This process does not decide any more: another one does, or will. Nothing was written."""


@dataclass(frozen=True)
class Holder:
    """Who holds the row. `url`: how the other servers reach it."""

    epoch: int
    url: str
    silent_s: float
    name: str
    """Random, of its process; empty: nobody's."""

    @property
    def lives(self) -> bool:
        return bool(self.name) and self.silent_s < LEASE_S


class Leadership:
    """What one process does to decide alone. Synchronous; called by one thread at a time.

    Args:
        database: PostgreSQL, over connections that nobody else waits for.
        url: how the other servers reach this one.
    """

    def __init__(self, database: Database, url: str) -> None:
        self._database, self._url = database, url
        self._name = secrets.token_hex(8)

    def take(self) -> int | None:
        """Become the one who decides, if nobody does: the epoch; None: somebody does.

        Waits for the transactions of the holder before that are under way.
        """
        free = (_NOW - _leader.c.renewed_at >= LEASE_S) | (_leader.c.holder == self._name)
        values = {
            "epoch": _leader.c.epoch + 1,
            "holder": self._name,
            "url": self._url,
            "renewed_at": _NOW,
        }
        taking = update(_leader).where(free, _KNOWN).values(values).returning(_leader.c.epoch)
        with self._database.begin() as tx:
            epoch: int | None = tx.scalar(taking, {"newest": migrations.NEWEST})
            return epoch

    def renew(self, epoch: int) -> bool:
        """Say that this process lives; False: another one has taken over."""
        with self._database.begin() as tx:
            return tx.scalar(_RENEW, {"mine": epoch}) is not None

    def give_up(self, epoch: int) -> None:
        """Let another one take over at once."""
        mine = update(_leader).where(_leader.c.epoch == epoch)
        with self._database.begin() as tx:
            tx.execute(mine.values(renewed_at=0.0, holder=""))

    def is_own(self, holder: Holder) -> bool:
        """It is this process, in an epoch that it gave up."""
        return holder.name == self._name

    def look(self) -> Holder:
        """Who holds the row now."""
        with self._database.read() as tx:
            return Holder(*tx.execute(_LOOK).one())


def fence(tx: Connection, epoch: int) -> None:
    """Hold a transaction to the epoch: until its end nobody takes over.

    Raises:
        LostLeadError: somebody has.
    """
    if tx.scalar(_FENCE, {"mine": epoch}) is None:
        raise LostLeadError(
            "another server decides now", hint="ask again: what was asked for was not done"
        )
