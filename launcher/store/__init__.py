"""What outlives every process: the database, the blobs, the logs, the metric points.

Synchronous; called from worker threads. Nothing here reads a clock: `now` is an argument. Query
functions live in `jobs`, `events`, `clusters` and `checkpoints`, and take the connection of a
transaction first, so that what belongs together is committed together:

    with store.begin() as tx:
        job = jobs.save(tx, change.job)
        events.append(tx, job.id, change.events, now)
"""

from __future__ import annotations

import secrets
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import Connection, select

from launcher import names
from launcher.store import dialect, migrations, tables
from launcher.store.blobs import Blobs, FileBlobs
from launcher.store.database import Database
from launcher.store.logs import Logs
from launcher.store.metrics import Metrics
from launcher.store.removal import Removals
from launcher.store.samples import Samples

__all__ = ["Store", "open_store"]


class Store:
    """One server's state: a folder, and the databases beside or far from it.

    `points` is a database of its own with SQLite, and `main` itself with PostgreSQL.
    """

    server_id: str
    """Made once. Names this server's things in Ray."""
    secret: bytes
    """32 random bytes, made once; job tokens are derived from them."""

    def __init__(self, folder: Path, main: Database, points: Database) -> None:
        self._main = main
        self._points = points
        self.blobs: Blobs = FileBlobs(folder / "blobs")
        self.logs = Logs(folder / "logs")
        self.metrics = Metrics(points)
        self.samples = Samples(points)
        self.removals = Removals(folder / "removals")

    def migrate(self) -> None:
        """Bring the tables to this version's shape, and learn who this server is.

        Raises:
            LauncherError: a newer version of launcher made the tables.
        """
        if self._points is self._main:
            migrations.upgrade(self._main, ("main", "points"))
        else:
            migrations.upgrade(self._main, ("main",))
            migrations.upgrade(self._points, ("points",))
        with self.begin() as tx:
            self.server_id, self.secret = _identity(tx)

    def begin(self) -> AbstractContextManager[Connection]:
        """A write transaction: committed at the end, rolled back by an exception."""
        return self._main.begin()

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one state of the database and can't change it."""
        return self._main.read()

    def read_points(self) -> AbstractContextManager[Connection]:
        """The same for the database of metric points."""
        return self._points.read()

    def close(self) -> None:
        self._main.close()
        self._points.close()


def open_store(folder: Path, url: str | None = None) -> Store:
    """Open the state in `folder`, made where it is missing, its tables brought up to date.

    Args:
        folder: of blobs and logs, and of the databases when there is no `url`. It holds secrets,
            so it is closed to other users.
        url: of a PostgreSQL database.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if url is None:
        main = Database(dialect.sqlite_engine(folder / "launcher.db"), folder)
        points = Database(dialect.sqlite_engine(folder / "metrics.db"), folder)
    else:
        main = points = Database(dialect.postgresql_engine(url), folder)
    store = Store(folder, main, points)
    try:
        store.migrate()
    except BaseException:
        store.close()
        raise
    return store


def _identity(tx: Connection) -> tuple[str, bytes]:
    row = tx.execute(select(tables.server.c.id, tables.server.c.secret)).first()
    if row is not None:
        return row.id, bytes(row.secret)
    server_id, secret = names.random_part(10), secrets.token_bytes(32)
    tx.execute(tables.server.insert().values(id=server_id, secret=secret))
    return server_id, secret
