"""Logs of ranks, byte for byte as they were written: one file a stream, its length in the database.

The length is written with the transaction, the bytes before it. So after a crash of the server the
file may be longer than its length: the next append overwrites that. After a power cut it may be
shorter, for bytes are not synced one append at a time: what the kernel had not written yet, about
the last half minute, is lost from our copy; the length then counts as the file's, and an agent that
still has the bytes sends them again.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select

from launcher import names
from launcher.errors import SpecError
from launcher.store import dialect
from launcher.store.disk import full_disk_told
from launcher.store.tables import logs as _logs

_STREAM = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_BLOCK = 64 * 1024

_MINE = and_(*(column == bindparam(column.name) for column in _logs.primary_key))
_LENGTH = select(_logs.c.length).where(_MINE).with_for_update()


class Logs:
    """The streams of all jobs. A stream is named by job, attempt, rank and its own name."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._root.mkdir(parents=True, exist_ok=True)

    def append(  # noqa: PLR0917 - a stream's name has four parts
        self,
        tx: Connection,
        job_id: str,
        attempt: int,
        rank: int,
        stream: str,
        offset: int,
        data: bytes,
    ) -> int:
        """Append the bytes that follow what is stored; gives the length after.

        Bytes that are stored already are passed over, and so are all when bytes before them are
        missing: the sender goes on from the length that it is told.

        Raises:
            DiskFullError: the stream is as it was.
        """
        path = self._path(job_id, attempt, rank, stream)
        key = {"job_id": job_id, "attempt": attempt, "rank": rank, "stream": stream}
        length = min(_stored_length(tx, key), _size(path))
        if not 0 <= offset <= length < offset + len(data):
            return length
        with full_disk_told(self._root, f"the log of {job_id}"):
            length = _write(path, length, memoryview(data)[length - offset :])
        tx.execute(dialect.upsert(tx, _logs), key | {"length": length})
        return length

    def read(  # noqa: PLR0917 - a stream's name has four parts
        self, job_id: str, attempt: int, rank: int, stream: str, offset: int, limit: int
    ) -> bytes:
        """At most `limit` bytes from `offset` on; empty at the end, or where nothing was logged."""
        try:
            with self._path(job_id, attempt, rank, stream).open("rb") as file:
                return os.pread(file.fileno(), max(limit, 0), max(offset, 0))
        except FileNotFoundError:
            return b""

    def streams(self, tx: Connection, job_id: str) -> list[tuple[int, int, str, int]]:
        """(attempt, rank, stream, length) of every stream of the job, in this order."""
        columns = (_logs.c.attempt, _logs.c.rank, _logs.c.stream)
        query = select(*columns, _logs.c.length).where(_logs.c.job_id == job_id).order_by(*columns)
        return [
            (attempt, rank, stream, min(length, _size(self._path(job_id, attempt, rank, stream))))
            for attempt, rank, stream, length in tx.execute(query)
        ]

    def tail_offset(self, job_id: str, attempt: int, rank: int, stream: str, lines: int) -> int:
        """Where the last `lines` lines begin, in bytes; an unended last line counts as one."""
        try:
            with self._path(job_id, attempt, rank, stream).open("rb") as file:
                return _tail_offset(file.fileno(), lines)
        except FileNotFoundError:
            return 0

    def forget(self, job_id: str) -> None:
        """Delete every log of the job. Its rows go with the job's."""
        if names.NAME.fullmatch(job_id):
            shutil.rmtree(self._root / job_id, ignore_errors=True)

    def _path(self, job_id: str, attempt: int, rank: int, stream: str) -> Path:
        if not names.NAME.fullmatch(job_id) or not _STREAM.fullmatch(stream):
            raise SpecError(f"there can be no log '{stream}' of a job '{job_id}'")
        return self._root / job_id / f"{attempt:d}.{rank:d}.{stream}"


def _stored_length(tx: Connection, key: dict[str, Any]) -> int:
    """The stream's length; it is made if it is new, and locked until the transaction ends."""
    length = tx.scalar(_LENGTH, key)
    if length is None:
        tx.execute(dialect.insert(tx, _logs).on_conflict_do_nothing(), key | {"length": 0})
        length = tx.scalar(_LENGTH, key)
    return int(length or 0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _write(path: Path, length: int, data: memoryview) -> int:
    """Write `data` after the first `length` bytes, and end the file there; gives its length."""
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(descriptor, length)
        while data:
            written = os.pwrite(descriptor, data, length)
            data, length = data[written:], length + written
    finally:
        os.close(descriptor)
    return length


def _tail_offset(descriptor: int, lines: int) -> int:
    """Search backwards, block by block, for the newline before the wanted lines."""
    end = os.fstat(descriptor).st_size
    if lines <= 0:
        return end
    if end and os.pread(descriptor, 1, end - 1) == b"\n":
        end -= 1  # it ends the last line, and begins none
    missing = lines
    while end > 0:
        start = max(end - _BLOCK, 0)
        block = os.pread(descriptor, end - start, start)
        found = len(block)
        while (found := block.rfind(b"\n", 0, found)) >= 0:
            missing -= 1
            if missing == 0:
                return start + found + 1
        end = start
    return 0
