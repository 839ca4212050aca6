"""Backups of a server's state: made while it runs, verified when they are restored."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from launcher import __version__
from launcher.model.gaps import StoredLog
from launcher.store import backups, snapshot
from launcher.store.backups import FORMAT, Entry, Manifest, Writer
from launcher.store.disk import full_disk_told
from launcher.store.snapshot import Snapshot

_BLOCK = 1024 * 1024
_ROUNDS = 5
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Backup:
    """What was made. Sizes in bytes; `copied`: without what was there before."""

    manifest: Manifest
    copied: int
    missing: int
    """Files of checkpoints that the server names and does not have."""


def back_up(
    state_dir: Path, target: Path, *, database_url: str | None = None, tell: Tell = lambda _: None
) -> Backup:
    """Copy the whole state of a server, which may run meanwhile.

    Args:
        state_dir: the server's.
        target: a file, or a folder that is brought up to date.
        database_url: of a PostgreSQL database, which is not copied: pg_dump does that before.
        tell: hears what is copied.

    Raises:
        NotFoundError: `state_dir` holds no state.
        DiskFullError: nothing of the backup is left; the one before it is.
    """
    writer = backups.writer_at(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        full_disk_told(target.parent, "the backup"),
        TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary,
        writer,
    ):
        copying = _Copying(state_dir, writer)
        taken = _take_all(state_dir, Path(temporary), copying, database_url, tell)
        tell("logs")
        for job_id, log in taken.logs:
            copying.log(job_id, log)
        for name in taken.files:
            copying.file(name, taken.folder / name)
        manifest = Manifest(
            format=FORMAT,
            launcher=__version__,
            server_id=taken.server_id,
            made_at=time.time(),
            jobs=taken.jobs,
            database=database_url is None,
            files=tuple(copying.entries.values()),
            sizes=dict(copying.sizes),
        )
        writer.finish(manifest)
    return Backup(manifest, copying.copied, copying.missing)


def _take_all(
    state_dir: Path, temporary: Path, copying: _Copying, database_url: str | None, tell: Tell
) -> Snapshot:
    """Databases, and every blob that they name.

    A server that runs may give a checkpoint up before its files are copied: then it is looked at
    again, and does not name them any more.
    """
    for number in range(_ROUNDS):
        folder = temporary / str(number)
        folder.mkdir(mode=0o700)
        tell("database")
        taken = _take(state_dir, folder, database_url)
        fresh = sorted(taken.blobs - copying.blobs)
        if fresh:
            tell(f"{len(fresh):,} files of code, checkpoints and outputs")
        lost = [digest for digest in fresh if not copying.blob(digest)]
        copying.missing = len(lost)
        if not lost:
            break
    copying.keep_only(taken.blobs)
    return taken


def _take(state_dir: Path, folder: Path, database_url: str | None) -> Snapshot:
    if database_url is None:
        return snapshot.take(state_dir, folder)
    return snapshot.take_without_database(state_dir, folder, database_url)


class _Copying:
    """Copies files into a backup; of each it notes the entry."""

    def __init__(self, state_dir: Path, writer: Writer) -> None:
        self._state_dir, self._writer = state_dir, writer
        self.entries: dict[str, Entry] = {}
        self.blobs: set[str] = set()
        self.sizes: Counter[str] = Counter()
        self.copied = self.missing = 0

    def blob(self, digest: str) -> bool:
        """False when it is not there."""
        name = _blob_name(digest)
        known = self._writer.known(name)
        try:
            size = (self._state_dir / name).stat().st_size
            if known is None:
                with (self._state_dir / name).open("rb") as opened:
                    known = self._put(name, size, iter(lambda: opened.read(_BLOCK), b""))
        except FileNotFoundError:
            return False
        self.blobs.add(digest)
        self._note(known, "files")
        return True

    def keep_only(self, digests: frozenset[str]) -> None:
        """Blobs that the last look does not name are no part of the backup."""
        for digest in self.blobs - digests:
            self.sizes["files"] -= self.entries.pop(_blob_name(digest)).size

    def log(self, job_id: str, log: StoredLog) -> None:
        """As long as the database says that it is, without what is missing of it."""
        name = f"logs/{job_id}/{log.attempt}.{log.rank}.{log.stream}"
        try:
            opened = (self._state_dir / name).open("rb")
        except FileNotFoundError:
            return
        with opened:
            whole = log._replace(length=min(log.length, os.fstat(opened.fileno()).st_size))
            parts = tuple(_kept(whole))
            size = sum(count for _, count in parts)
            sparse = parts if parts != ((0, whole.length),) else None
            known = self._writer.known(name)
            if known is None or (known.size, known.parts) != (size, sparse):
                known = self._put(name, size, _pieces(opened.fileno(), parts))
            length = whole.length if sparse is not None else None
            self._note(replace(known, parts=sparse, length=length), "logs")

    def file(self, name: str, path: Path) -> None:
        with path.open("rb") as opened:
            entry = self._put(name, path.stat().st_size, iter(lambda: opened.read(_BLOCK), b""))
        kind = "database" if name.endswith(".db") else "settings"
        self._note(replace(entry, mode=path.stat().st_mode & 0o777), kind)

    def _put(self, name: str, size: int, pieces: Iterator[bytes]) -> Entry:
        sha256 = self._writer.put(name, size, pieces)
        self.copied += size
        return Entry(name, size, sha256)

    def _note(self, entry: Entry, kind: str) -> None:
        self.entries[entry.name] = entry
        self.sizes[kind] += entry.size


def _blob_name(digest: str) -> str:
    return f"blobs/{digest[:2]}/{digest[2:4]}/{digest}"


def _kept(log: StoredLog) -> Iterator[tuple[int, int]]:
    """Offset and size of each stretch that is there."""
    offset = 0
    while offset < log.length:
        offset, count = log.kept_from(offset)
        if not count:
            return
        yield offset, count
        offset += count


def _pieces(descriptor: int, parts: tuple[tuple[int, int], ...]) -> Iterator[bytes]:
    for offset, count in parts:
        for start in range(offset, offset + count, _BLOCK):
            yield os.pread(descriptor, min(_BLOCK, offset + count - start), start)
