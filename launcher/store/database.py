"""One database: short transactions, one writer at a time, its full disk told in words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from launcher.errors import TryAgainError
from launcher.store.dialect import has_no_space, is_away, may_only_read, may_write
from launcher.store.disk import disk_full


class DatabaseAwayError(TryAgainError):
    """The database does not answer. Of what was to be written nobody knows whether it was."""


class Database:
    """An engine, and the queue of this process's writers.

    SQLite lets waiting writers poll; a lock lets them take turns instead. A second `begin` inside
    the first, in one thread, is a bug: SQLite refuses it after its busy timeout, nothing hangs.

    Args:
        engine: the connections.
        folder: of the server's state, whose disk is full when SQLite's is.
        fence: called first in each transaction that writes; it raises when that must not be.
        broke: called when the database broke off a transaction that writes.
    """

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        fence: Callable[[Connection], None] | None = None,
        broke: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._fence, self._broke = fence, broke
        self._turn = threading.RLock()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction: committed at the end, rolled back by an exception.

        Raises:
            DiskFullError: nothing of the transaction was written.
            DatabaseAwayError: the database does not answer.
        """
        try:
            with self._turn, self._engine.connect() as connection:
                tx = may_write(connection)
                with tx.begin():
                    if self._fence is not None:
                        self._fence(tx)
                    yield tx
        except SQLAlchemyError as error:
            if isinstance(error, DBAPIError) and has_no_space(error):
                raise disk_full(self._folder, "the database") from error
            if is_away(error):
                self._broke()
                raise self._away(error) from error
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and can't change it.

        Raises:
            DatabaseAwayError: the database does not answer.
        """
        try:
            with self._engine.connect() as connection:
                tx = may_only_read(connection)
                with tx.begin():
                    yield tx
        except SQLAlchemyError as error:
            if is_away(error):
                raise self._away(error) from error
            raise

    def guarded(self, fence: Callable[[Connection], None], broke: Callable[[], None]) -> Database:
        """The same database, over the same connections, written to only as `fence` lets."""
        return Database(self._engine, self._folder, fence, broke)

    @property
    def url(self) -> URL:
        return self._engine.url

    def close(self) -> None:
        self._engine.dispose()

    def _away(self, error: SQLAlchemyError) -> DatabaseAwayError:
        cause = getattr(error, "orig", None) or error
        first = str(cause).strip().partition("\n")[0]
        where = self._engine.url.set(query={}).render_as_string()
        return DatabaseAwayError(
            f"the database {where} does not answer: {first}",
            hint="jobs run on, and the server goes on by itself once the database is back",
        )
