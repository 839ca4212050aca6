"""Logs and reports on their way to the server, exactly once.

The key of a byte is (job, attempt, rank, stream, offset). The server takes bytes only where they
continue what it has, and answers how much it has; so the shipper keeps no state that could be
lost, and anybody may ship what a dead agent left. What the server has is punched out of the file.

What the server should get and nobody has any more is a hole where it goes on: the server was
restored from a backup, or the node needed the room (`Shipper.make_room`). It is told how much.
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from launcher.executor import holes
from launcher.executor.folders import JobFolder, RankFile
from launcher.executor.secrecy import Redaction
from launcher.executor.uplink import Piece, Uplink
from launcher.model import gaps
from launcher.model.metric import CheckpointSaved, checkpoint_of, parse_record
from launcher.model.sample import STREAM as SAMPLED
from launcher.units import format_size, parse_size

REQUEST_BYTES = 4 * 1024 * 1024
_LONGEST_LINE = 1 << 20
"""Bytes of a spool without a line's end that are shipped all the same: the server takes it so."""
_PUNCH_FROM = 8 * 1024 * 1024
"""Smaller files are not worth a hole."""
LIMIT_VARIABLE = "LAUNCHER_UNSHIPPED_MAX"
_MOST, _MOST_ON_FULL_DISK = 2**30, 16 * 2**20
"""Bytes of a rank's output that wait for the server on this node."""
_FULL_BELOW = 2**30
"""Free bytes, or a twentieth of a small disk, below which a disk counts as full."""


@dataclass
class _Stream:
    """How far one file is shipped. -1: the server has not been asked yet."""

    shipped: int = -1
    punched: int = 0


@dataclass
class Shipper:
    """Ships the files of one job's folder.

    Args:
        on_checkpoint: called with (attempt, rank, saved) once the server has all points that the
            rank reported before it.
        on_record: called with (attempt, rank, record) for every record that the server has taken.
        redaction: of what is shipped.
    """

    folder: JobFolder
    on_checkpoint: Callable[[int, int, CheckpointSaved], None] = lambda *_: None
    on_record: Callable[[int, int, dict[str, object]], None] = lambda *_: None
    redaction: Redaction = field(default_factory=Redaction)
    read_up_to: Callable[[Path], int | None] = lambda _: None
    """Up to where a log need not be read again on this node; None: nobody reads it."""
    ended: int = 0
    """Nothing is written to files of this or an earlier attempt any more."""
    requests: int = 0
    """How often the server was sent something that the ranks left."""
    _streams: dict[Path, _Stream] = field(default_factory=dict)
    _given_up: set[Path] = field(default_factory=set)
    _files: threading.Lock = field(default_factory=threading.Lock)
    """Nothing is punched while it is read."""

    def ship(self, uplink: Uplink) -> bool:
        """Ship what there is, up to one request's size; True when more is waiting.

        Raises:
            LauncherError: the server did not take it; nothing is lost, ship again later.
        """
        parts = self._next_parts()
        if not parts:
            return False
        self.requests += any(file.stream != SAMPLED for file, _ in parts)
        return self._send(uplink, parts)

    def make_room(self) -> None:
        """Give up output that waits for the server and takes too much of this node's disk.

        The oldest quarter and the newest stay; points are never given up. By another thread than
        the one that ships.
        """
        most = unshipped_limit(self.folder.path)
        for file in self.folder.rank_files():
            used = file.path.stat().st_blocks * 512
            if file.holds_records or used <= most + most // 8:
                continue
            with self._files, file.path.open("r+b") as opened:
                size = os.fstat(opened.fileno()).st_size
                known = tuple(holes.holes(opened.fileno(), size))
                chosen = gaps.to_give_up(size, known, most)
                if chosen is not None:
                    holes.punch(opened.fileno(), chosen.start, chosen.end)
                    self._given_up.add(file.path)

    def is_done(self, attempt: int) -> bool:
        """The server has all of the attempt's files (a torn last line of a spool is no record)."""
        return all(
            self._of(file.path).shipped >= 0
            and not _next(file, self._of(file.path).shipped, _LONGEST_LINE + 1).size
            for file in self.folder.rank_files()
            if file.attempt == attempt
        )

    def has(self, marks: Mapping[Path, int]) -> bool:
        """Whether the server has these files up to these sizes; asked by any thread."""
        return all(
            self._of(path).shipped >= size
            or (self._of(path).shipped >= 0 and not _lines(path, self._of(path).shipped))
            for path, size in marks.items()
        )

    def _next_parts(self) -> list[tuple[RankFile, _Part]]:
        """Points first; then the logs that have something, each with its share of the request."""
        files = sorted(self.folder.rank_files(), key=lambda file: not file.holds_records)
        waiting = [file for file in files if self._waits(file)]
        room, parts = REQUEST_BYTES, []
        for left, file in zip(range(len(waiting), 0, -1), waiting, strict=True):
            offset = self._of(file.path).shipped
            if offset < 0:  # ask with nothing how much the server has
                parts.append((file, _Part(0, is_all=file.path.stat().st_size == 0)))
                continue
            whole = file.holds_records
            limit = max(room, _LONGEST_LINE + 1) if whole else room // left
            with self._files:
                part = self._redacted(file, _next(file, offset, limit + self._lookback), limit)
            if part.size:
                parts.append((file, part))
                room = max(room - len(part.data), 0)
        return parts

    @property
    def _lookback(self) -> int:
        return self.redaction.redactor.lookback

    def _redacted(self, file: RankFile, part: _Part, limit: int) -> _Part:
        """What of a log may leave the node, without what may be half a secret. `limit`: of it."""
        if file.holds_records or not part.data:
            return part
        begin = max(0, part.offset - self._lookback)
        with file.path.open("rb") as source:
            before = os.pread(source.fileno(), part.offset - begin, begin)
        data = self.redaction.of(file.attempt).piece(
            before,
            part.data,
            final=part.is_all and file.attempt <= self.ended,
            torn=not part.is_all and len(part.data) < limit + self._lookback,
        )
        return part._replace(data=data)

    def _waits(self, file: RankFile) -> bool:
        shipped = self._of(file.path).shipped
        return shipped < 0 or file.path.stat().st_size > shipped

    def _of(self, path: Path) -> _Stream:
        return self._streams.setdefault(path, _Stream())

    def _send(self, uplink: Uplink, parts: list[tuple[RankFile, _Part]]) -> bool:
        """Gives whether there is more to send, and sending it makes sense."""
        lengths = uplink.append([self._piece(file, part) for file, part in parts])
        moved = more = False
        for (file, part), length in zip(parts, lengths, strict=True):
            stream = self._of(file.path)
            if file.holds_records:
                self._announce(file, part.data[: max(0, length - part.offset)])
            moved = moved or stream.shipped < 0 or length > part.offset
            more = more or not part.is_all or length < part.offset
            stream.shipped = length
            self._punch(file.path, stream)
        return moved and more

    def _piece(self, file: RankFile, part: _Part) -> Piece:
        why = "room" if part.skip and file.path in self._given_up else ""
        name = (file.stream, file.attempt, file.rank)
        data = part.data
        if file.holds_records:
            data = self.redaction.of(file.attempt).records(data)
        return Piece(*name, part.offset, data, part.skip, why)

    def _punch(self, path: Path, stream: _Stream) -> None:
        """Give the disk back what is shipped, but for what tells whether more of it is secret."""
        kept_from = stream.shipped - self._lookback
        needed_from = self.read_up_to(path)
        if needed_from is not None:
            kept_from = min(kept_from, needed_from)
        if kept_from - stream.punched < _PUNCH_FROM:
            return
        with self._files, path.open("r+b") as file:
            stream.punched = holes.punch(file.fileno(), stream.punched, kept_from)

    def _announce(self, file: RankFile, taken: bytes) -> None:
        for record in records_of(taken):
            self.on_record(file.attempt, file.rank, record)
            saved = checkpoint_of(record)
            if saved is not None:
                self.on_checkpoint(file.attempt, file.rank, saved)


def records_of(lines: bytes) -> Iterator[dict[str, object]]:
    """The records of spool lines."""
    for line in lines.splitlines():
        record = parse_record(line)
        if record is not None:
            yield record


class _Part(NamedTuple):
    """What of a file is sent next: bytes, or how many are missing there."""

    offset: int
    data: bytes = b""
    skip: int = 0
    is_all: bool = True
    """Nothing of the file follows that could be sent now."""

    @property
    def size(self) -> int:
        return len(self.data) + self.skip


def unshipped_limit(folder: Path) -> int:
    """Bytes of each rank's output that may wait on this node for the server."""
    chosen = os.environ.get(LIMIT_VARIABLE)
    most = parse_size(chosen) if chosen else _MOST
    return min(most, _MOST_ON_FULL_DISK) if full_disk(folder) else most


def full_disk(folder: Path) -> str:
    """That the disk of a node is nearly full, in words; empty when there is room."""
    disk = shutil.disk_usage(folder)
    if disk.free >= min(_FULL_BELOW, disk.total // 20):
        return ""
    where = f"{format_size(disk.free)} free at {folder.parent} on {socket.gethostname()}"
    return f"the node's disk is nearly full: {where}; output that waits is kept short"


def _lines(spool: Path, offset: int) -> bytes:
    """Whole lines of a spool that follow `offset`: its torn end is shipped by nobody."""
    return _next(RankFile(0, 0, "spool", spool), offset, _LONGEST_LINE + 1).data


def _next(file: RankFile, offset: int, limit: int) -> _Part:
    """What follows `offset`; of a spool only whole lines, so that no record is cut in two."""
    with file.path.open("rb") as source:
        descriptor = source.fileno()
        size = os.fstat(descriptor).st_size
        if offset >= size:
            return _Part(offset)
        first = holes.next_data(descriptor, offset, size)
        if first > offset:
            return _Part(offset, skip=first - offset, is_all=first == size)
        end = holes.next_hole(descriptor, offset, size)
        data = os.pread(descriptor, min(limit, end - offset), offset)
    is_all = offset + len(data) >= size
    return _Part(offset, _whole_lines(data) if file.holds_records else data, 0, is_all)


def _whole_lines(data: bytes) -> bytes:
    """Of a spool; a line that is longer than any record may be goes as it is."""
    end = data.rfind(b"\n") + 1
    return data if not end and len(data) > _LONGEST_LINE else data[:end]
