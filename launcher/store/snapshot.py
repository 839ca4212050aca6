"""A consistent copy of the databases of a server that runs, and what of the files belongs to it."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from sqlalchemy import Connection, func, select

from launcher.errors import ConflictError, NotFoundError
from launcher.model.gaps import Gap, StoredLog
from launcher.store import dialect, tables
from launcher.store.database import Database
from launcher.store.migrations import NEWEST
from launcher.store.removal import AT_ONCE, blobs_of

MAIN, POINTS = "launcher.db", "metrics.db"
KEPT_ASIDE = "before-restore-"
_OF_PROCESSES = (
    *("server.json*", "server-*.json*", "executor.json*", "*.lock", "*.log"),
    *("ray", "ray.json", "ray-token"),
    *(f"{KEPT_ASIDE}*", "restoring-*", "*.new"),
)
_COPIED_APART = ("*.db", "*.db-wal", "*.db-shm", "*.db-journal", "blobs", "logs")


@dataclass(frozen=True)
class Snapshot:
    """Copies in `folder` of the databases and of the small files; and what they name."""

    folder: Path
    files: tuple[str, ...]
    """Paths in `folder`."""
    server_id: str
    jobs: int
    blobs: frozenset[str]
    logs: tuple[tuple[str, StoredLog], ...]
    """With the ids of their jobs."""


def is_state(name: str) -> bool:
    """Whether what has this name in a state folder is kept over its processes' end."""
    return not any(fnmatch(name, pattern) for pattern in _OF_PROCESSES)


def take(state_dir: Path, folder: Path) -> Snapshot:
    """Copy the databases as they are at one moment, and the small files beside them.

    Args:
        state_dir: of a server that runs or not.
        folder: new, for the copies.

    Raises:
        NotFoundError: there is no database in `state_dir`.
        ConflictError: it is of another version than this code.
    """
    if not (state_dir / MAIN).exists():
        raise NotFoundError(
            f"there is no state of a server in {state_dir}",
            hint="name its folder with --state-dir; of a server on PostgreSQL see --database",
        )
    _copy_database(state_dir / MAIN, folder / MAIN)
    # In between: of a removal that has begun there is a note here, or its points are gone there.
    small = list(_copy_small_files(state_dir, folder))
    _copy_database(state_dir / POINTS, folder / POINTS)
    database = Database(dialect.sqlite_engine(folder / MAIN), folder)
    try:
        _expect_version(folder / MAIN)
        with database.read() as tx:
            return _read(tx, folder, (MAIN, POINTS, *small))
    finally:
        database.close()


def take_without_database(state_dir: Path, folder: Path, url: str) -> Snapshot:
    """The same of a server whose database is PostgreSQL, which is copied by its own tools."""
    database = Database(dialect.postgresql_engine(url), state_dir)
    try:
        with database.read() as tx:
            return _read(tx, folder, _copy_small_files(state_dir, folder))
    finally:
        database.close()


def count_jobs(state_dir: Path) -> int:
    """Jobs of a state; 0 of what is no state of ours."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(_open(state_dir / MAIN)) as opened:
        return int(opened.execute("SELECT count(*) FROM jobs").fetchone()[0])
    return 0


def _read(tx: Connection, folder: Path, files: Iterable[str]) -> Snapshot:
    """What a database names."""
    ids = list(tx.scalars(select(tables.jobs.c.id)))
    blobs: set[str] = set()
    for start in range(0, len(ids), AT_ONCE):
        blobs |= blobs_of(tx, ids[start : start + AT_ONCE])
    server_id = tx.scalar(select(tables.server.c.id)) or ""
    count = tx.scalar(select(func.count()).select_from(tables.jobs)) or 0
    return Snapshot(folder, tuple(files), server_id, count, frozenset(blobs), tuple(_logs(tx)))


def _logs(tx: Connection) -> Iterator[tuple[str, StoredLog]]:
    table = tables.logs
    columns = (table.c.job_id, table.c.attempt, table.c.rank, table.c.stream)
    query = select(*columns, table.c.length, table.c.gaps).order_by(*columns)
    for job_id, attempt, rank, stream, length, gaps in tx.execute(query):
        known = tuple(Gap(*pair) for pair in gaps or ())
        yield job_id, StoredLog(attempt, rank, stream, length, known)


def _copy_small_files(state_dir: Path, folder: Path) -> Iterator[str]:
    """Copy what else belongs to the state: tokens, keys, notes; gives paths in `folder`."""
    for path in sorted(state_dir.rglob("*")):
        name = path.relative_to(state_dir)
        if any(fnmatch(name.parts[0], pattern) for pattern in (*_OF_PROCESSES, *_COPIED_APART)):
            continue
        if path.is_symlink() or not path.is_file():
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # a note of what is just done
            shutil.copy2(path, target)
            yield str(name)


def _copy_database(source: Path, target: Path) -> None:
    """By SQLite's own way, in one step: a reader among others, and nobody waits."""
    with (
        contextlib.closing(_open(source)) as opened,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        opened.execute("PRAGMA busy_timeout=10000")
        opened.backup(copy, pages=-1)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)


def _expect_version(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as opened:
        (version,) = opened.execute("SELECT version_num FROM alembic_version").fetchone()
    if version != NEWEST:
        raise ConflictError(
            f"the database has schema {version}, this version of launcher {NEWEST}",
            hint="back up with the version of launcher that the server runs",
        )
