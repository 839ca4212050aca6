"""Logs of ranks, byte for byte as they were written: one file a stream, its length in the database.

What is missing of a stream (`launcher.store.gaps`) is a hole in its file: a byte keeps its place.

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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select

from launcher import names
from launcher.errors import SpecError
from launcher.model import gaps
from launcher.model.gaps import Gap, StoredLog
from launcher.store import dialect
from launcher.store.disk import full_disk_told, punch
from launcher.store.tables import logs as _logs
from launcher.units import format_size

_STREAM = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_BLOCK = 64 * 1024

_MINE = and_(*(column == bindparam(column.name) for column in _logs.primary_key))
_ROW = select(_logs.c.length, _logs.c.gaps).where(_MINE).with_for_update()
_FOUND = select(_logs).where(_MINE)


@dataclass(frozen=True)
class Cut:
    """A stretch of a log that is recorded as missing; its bytes are still there."""

    path: Path
    gap: Gap
    line: bytes
    count: int
    """Bytes that are missing there, with those that were missing before."""

    def carry_out(self) -> None:
        """Give the disk back what is missing. To be called once its record is committed.

        A crash before that leaves the bytes there and the line that tells of them away.
        """
        with self.path.open("r+b") as file:
            os.pwrite(file.fileno(), self.line, self.gap.end)
            punch(file.fileno(), self.gap.start, self.gap.end)


@dataclass(frozen=True)
class Skipped:
    """A stream after bytes of it were taken for missing. In bytes: `before`, `after`: missing."""

    length: int
    before: int
    after: int


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
        stored = _stored(tx, key, path)
        length = stored.length
        if not 0 <= offset <= length < offset + len(data):
            return length
        with full_disk_told(self._root, f"the log of {job_id}"):
            length = _write(path, length, memoryview(data)[length - offset :])
        _save(tx, key, length, stored.gaps)
        return length

    def skip(  # noqa: PLR0917 - a stream's name has four parts
        self,
        tx: Connection,
        job_id: str,
        attempt: int,
        rank: int,
        stream: str,
        offset: int,
        count: int,
        why: str,
    ) -> Skipped:
        """Take `count` bytes from `offset` on for missing: nobody has them any more.

        Raises:
            DiskFullError: the stream is as it was.
        """
        path = self._path(job_id, attempt, rank, stream)
        key = {"job_id": job_id, "attempt": attempt, "rank": rank, "stream": stream}
        stored = _stored(tx, key, path)
        start, end = stored.length, offset + count
        if not 0 <= offset <= start < end:
            return Skipped(start, stored.missing, stored.missing)
        line = _line(path, start, end - start, why)
        with full_disk_told(self._root, f"the log of {job_id}"):
            _write(path, start, memoryview(b""))
            _write_line(path, end - len(line), line)
        known = gaps.joined(stored.gaps, Gap(start, end - len(line)))
        _save(tx, key, end, known)
        return Skipped(end, stored.missing, gaps.missing(known))

    def plan_cut(  # noqa: PLR0917 - a stream's name has four parts
        self, tx: Connection, job_id: str, attempt: int, rank: int, stream: str, most: int
    ) -> Cut | None:
        """Record what of a stream goes so that about `most` bytes are kept; None when nothing does.

        The oldest quarter and the newest bytes stay. `Cut.carry_out` then does it.
        """
        path = self._path(job_id, attempt, rank, stream)
        key = {"job_id": job_id, "attempt": attempt, "rank": rank, "stream": stream}
        stored = _stored(tx, key, path)
        chosen = gaps.to_give_up(stored.length, stored.gaps, most)
        if chosen is None:
            return None
        near = gaps.nearness(most)
        begun = any(gap.start == chosen.start for gap in stored.gaps)
        start = chosen.start if begun else _line_begin(path, chosen.start, near)
        end = _line_end(path, chosen.end, near)
        why = f"of each rank's output the server keeps {format_size(most)}"
        line = _line(path, start, end - start, why)
        if end - len(line) <= start:
            return None
        gap = Gap(start, end - len(line))
        _save(tx, key, stored.length, gaps.joined(stored.gaps, gap))
        return Cut(path, gap, line, end - start)

    def read(  # noqa: PLR0917 - a stream's name has four parts
        self, job_id: str, attempt: int, rank: int, stream: str, offset: int, limit: int
    ) -> bytes:
        """At most `limit` bytes from `offset` on; empty at the end, or where nothing was logged."""
        try:
            with self._path(job_id, attempt, rank, stream).open("rb") as file:
                return os.pread(file.fileno(), max(limit, 0), max(offset, 0))
        except FileNotFoundError:
            return b""

    def streams(self, tx: Connection, job_id: str) -> list[StoredLog]:
        """Every stream of the job, by attempt, rank and name."""
        columns = (_logs.c.attempt, _logs.c.rank, _logs.c.stream)
        query = select(*columns, _logs.c.length, _logs.c.gaps)
        rows = tx.execute(query.where(_logs.c.job_id == job_id).order_by(*columns))
        return [
            _read_row(row, self._path(job_id, row.attempt, row.rank, row.stream)) for row in rows
        ]

    def stream(
        self, tx: Connection, job_id: str, attempt: int, rank: int, stream: str
    ) -> StoredLog | None:
        """One stream; None: there is none of that name."""
        key = {"job_id": job_id, "attempt": attempt, "rank": rank, "stream": stream}
        row = tx.execute(_FOUND, key).first()
        return _read_row(row, self._path(job_id, attempt, rank, stream)) if row else None

    def tail_offset(self, job_id: str, log: StoredLog, lines: int) -> int:
        """Where the last `lines` lines begin, in bytes; an unended last line counts as one."""
        path = self._path(job_id, log.attempt, log.rank, log.stream)
        try:
            with path.open("rb") as file:
                return _tail_offset(file.fileno(), log, lines)
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


def _stored(tx: Connection, key: dict[str, Any], path: Path) -> StoredLog:
    """The stream; it is made if it is new, and locked until the transaction ends."""
    row = tx.execute(_ROW, key).first()
    if row is None:
        tx.execute(dialect.insert(tx, _logs).on_conflict_do_nothing(), key | {"length": 0})
        row = tx.execute(_ROW, key).first()
    assert row is not None
    length = min(row.length, _size(path))
    name = (key["attempt"], key["rank"], key["stream"])
    return StoredLog(*name, length, gaps.cut(_gaps(row.gaps), length))


def _read_row(row: Any, path: Path) -> StoredLog:
    length = min(row.length, _size(path))
    known = gaps.cut(_gaps(row.gaps), length)
    return StoredLog(row.attempt, row.rank, row.stream, length, known)


def _gaps(stored: Any) -> tuple[Gap, ...]:
    return tuple(Gap(*pair) for pair in stored or ())


def _save(tx: Connection, key: dict[str, Any], length: int, known: Sequence[Gap]) -> None:
    row = {"length": length, "gaps": list(known) or None, "missing": gaps.missing(known)}
    tx.execute(dialect.upsert(tx, _logs), key | row)


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


def _line(path: Path, start: int, count: int, why: str) -> bytes:
    """What tells of a gap, on a line of its own, within the gap's own room."""
    line = gaps.telling(count, why)
    if start and _read_at(path, start - 1, 1) != b"\n":
        line = b"\n" + line
    return line if len(line) < count else b"." * (count - 1) + b"\n"


def _write_line(path: Path, offset: int, line: bytes) -> None:
    """At the end of a file that grows by a hole; durable, so that no gap is ever without it."""
    with path.open("r+b") as file:
        os.pwrite(file.fileno(), line, offset)
        os.fsync(file.fileno())


def _line_begin(path: Path, offset: int, near: int) -> int:
    """Where the line begins in which `offset` lies, unless it is far."""
    first = max(offset - near, 0)
    found = _read_at(path, first, offset - first).rfind(b"\n")
    return first + found + 1 if found >= 0 else offset


def _line_end(path: Path, offset: int, near: int) -> int:
    """Where the next line begins, unless it is far."""
    found = _read_at(path, offset, near).find(b"\n")
    return offset + found + 1 if found >= 0 else offset


def _read_at(path: Path, offset: int, count: int) -> bytes:
    with path.open("rb") as file:
        return os.pread(file.fileno(), count, offset)


def _tail_offset(descriptor: int, log: StoredLog, lines: int) -> int:
    """Search backwards, block by block, for the newline before the wanted lines."""
    end = os.fstat(descriptor).st_size
    if lines <= 0:
        return end
    if end and os.pread(descriptor, 1, end - 1) == b"\n":
        end -= 1  # it ends the last line, and begins none
    missing = lines
    while end > 0:
        start = max(end - _BLOCK, 0)
        for gap in reversed(log.gaps):
            if gap.start < end <= gap.end:
                end = gap.start  # to read a hole takes as long as to read what was there
                start = max(end - _BLOCK, 0)
            elif start < gap.end < end:
                start = gap.end
        block = os.pread(descriptor, end - start, start)
        found = len(block)
        while (found := block.rfind(b"\n", 0, found)) >= 0:
            missing -= 1
            if missing == 0:
                return start + found + 1
        end = start
    return 0
