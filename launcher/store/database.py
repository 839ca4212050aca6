"""One database: short transactions, one writer at a time, its full disk told in words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from launcher.store.dialect import has_no_space, may_only_read, may_write
from launcher.store.disk import disk_full


class Database:
    """An engine, and the queue of this process's writers.

    SQLite lets waiting writers poll; a lock lets them take turns instead. A second `begin` inside
    the first, in one thread, is a bug: SQLite refuses it after its busy timeout, nothing hangs.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._turn = threading.RLock()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction: committed at the end, rolled back by an exception.

        Raises:
            DiskFullError: nothing of the transaction was written.
        """
        try:
            with self._turn, self._engine.connect() as connection:
                tx = may_write(connection)
                with tx.begin():
                    yield tx
        except DBAPIError as error:
            if has_no_space(error):
                raise disk_full(self._folder, "the database") from error
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and can't change it."""
        with self._engine.connect() as connection:
            tx = may_only_read(connection)
            with tx.begin():
                yield tx

    def close(self) -> None:
        self._engine.dispose()
