"""What outlives every process: the database, the blobs, the logs, the metric points.

Synchronous; called from worker threads. Nothing here reads a clock: `now` is an argument. Query
functions live in `jobs`, `events`, `clusters` and `checkpoints`, and take the connection of a
transaction first, so that what belongs together is committed together:

    with store.begin() as tx:
        job = jobs.save(tx, change.job)
        events.append(tx, job.id, change.events, now)
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, select

from launcher import names
from launcher.store import dialect, migrations, tables
from launcher.store.blobs import Blobs, FileBlobs
from launcher.store.database import Database
from launcher.store.leader import fence
from launcher.store.logs import Logs
from launcher.store.metrics import Metrics
from launcher.store.removal import Removals
from launcher.store.samples import Samples

__all__ = ["Store", "open_store"]


class Store:
    """One server's state: a folder, and the databases beside or far from it.

    `points` is a file of its own with SQLite; with PostgreSQL it is the same database, over
    connections of its own: there too writers of points do not take turns with the rest.
    """

    server_id: str
    """Made once. Names this server's things in Ray."""
    secret: bytes
    """32 random bytes, made once; job tokens are derived from them."""
    epoch: int | None = None
    """In which this process leads; None: it leads always, or never."""

    def __init__(self, folder: Path, main: Database, points: Database) -> None:
        self.folder = folder
        self._main = main
        self._points = points
        self.blobs: Blobs = FileBlobs(folder / "blobs")
        self.logs = Logs(folder / "logs")
        self.metrics = Metrics(points)
        self.samples = Samples(points)
        self.removals = Removals(folder / "removals")

    @property
    def shares_points(self) -> bool:
        """The tables of points are in the main database."""
        return self._points.url == self._main.url

    def migrate(self) -> None:
        """Bring the tables to this version's shape, and learn who this server is.

        Raises:
            LauncherError: a newer version of launcher made the tables.
        """
        if self.shares_points:
            migrations.upgrade(self._main, ("main", "points"))
        else:
            migrations.upgrade(self._main, ("main",))
            migrations.upgrade(self._points, ("points",))
        with self.begin() as tx:
            self.server_id, self.secret = _identity(tx)

    def led(self, epoch: int, broke: Callable[[], None]) -> Store:
        """The same state, which is written to as long as this process leads in that epoch.

        Args:
            epoch: see `launcher.store.leader`.
            broke: called when the database broke off a transaction that writes: then nobody knows
                whether what was noted in memory is what the database holds.
        """
        guarded = (one.guarded(partial(fence, epoch=epoch), broke) for one in self._databases)
        store = Store(self.folder, *guarded)
        store.server_id, store.secret, store.epoch = self.server_id, self.secret, epoch
        return store

    @property
    def _databases(self) -> tuple[Database, Database]:
        return self._main, self._points

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
        main, points = (Database(dialect.postgresql_engine(url), folder) for _ in range(2))
    store = Store(folder, main, points)
    try:
        store.migrate()
    except BaseException:
        store.close()
        raise
    if url is None:  # nobody else writes here: what is half written was broken off
        store.blobs.clear(math.inf)
    return store


def _identity(tx: Connection) -> tuple[str, bytes]:
    query = select(tables.server.c.id, tables.server.c.secret)
    row = tx.execute(query).first()
    if row is None:  # several servers may begin on the same new database
        dialect.alone(tx)
        row = tx.execute(query).first()
    if row is not None:
        return row.id, bytes(row.secret)
    server_id, secret = names.random_part(10), secrets.token_bytes(32)
    tx.execute(tables.server.insert().values(id=server_id, secret=secret))
    return server_id, secret
