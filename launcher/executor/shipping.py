"""Logs and reports on their way to the server, exactly once.

The key of a byte is (job, attempt, rank, stream, offset). The server takes bytes only where they
continue what it has, and answers how much it has; so the shipper keeps no state that could be
lost, and anybody may ship what a dead agent left. What the server has is punched out of the file.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from launcher.executor.folders import JobFolder, RankFile
from launcher.executor.uplink import Uplink
from launcher.model.metric import CheckpointSaved, checkpoint_of, parse_record

REQUEST_BYTES = 4 * 1024 * 1024
_PUNCH_FROM = 8 * 1024 * 1024
"""Smaller files are not worth a hole."""
_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02
_PAGE = 4096


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
    """

    folder: JobFolder
    on_checkpoint: Callable[[int, int, CheckpointSaved], None] = lambda *_: None
    on_record: Callable[[int, int, dict[str, object]], None] = lambda *_: None
    requests: int = 0
    """How often the server was sent something."""
    _streams: dict[Path, _Stream] = field(default_factory=dict)

    def ship(self, uplink: Uplink) -> bool:
        """Ship what there is, up to one request's size; True when more is waiting.

        Raises:
            LauncherError: the server did not take it; nothing is lost, ship again later.
        """
        pieces: list[tuple[RankFile, int, bytes]] = []
        room, more = REQUEST_BYTES, False
        for file in self.folder.rank_files():
            offset = self._of(file.path).shipped
            if offset < 0:  # ask with nothing how much the server has
                pieces.append((file, 0, b""))
                more = more or file.path.stat().st_size > 0
                continue
            data = _read(file, offset, room)
            if data:
                pieces.append((file, offset, data))
                room -= len(data)
            if room <= 0:
                more = True
                break
        if not pieces:
            return False
        self.requests += 1
        self._send(uplink, pieces)
        return more

    def is_done(self, attempt: int) -> bool:
        """The server has all of the attempt's files (a torn last line of a spool is no record)."""
        return all(
            self._of(file.path).shipped >= 0
            and not _read(file, self._of(file.path).shipped, 1 << 20)
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

    def _of(self, path: Path) -> _Stream:
        return self._streams.setdefault(path, _Stream())

    def _send(self, uplink: Uplink, pieces: list[tuple[RankFile, int, bytes]]) -> None:
        lengths = uplink.append(
            [(file.stream, file.attempt, file.rank, offset, data) for file, offset, data in pieces]
        )
        for (file, offset, data), length in zip(pieces, lengths, strict=True):
            stream = self._of(file.path)
            if file.stream == "spool":
                taken = data[: max(0, length - offset)]
                self._announce(file, taken)
            stream.shipped = length
            _punch(file.path, stream)

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


def _lines(spool: Path, offset: int) -> bytes:
    """Whole lines of a spool that follow `offset`: its torn end is shipped by nobody."""
    return _read(RankFile(0, 0, "spool", spool), offset, 1 << 20)


def _read(file: RankFile, offset: int, limit: int) -> bytes:
    """What follows `offset`; of a spool only whole lines, so that no record is cut in two."""
    with file.path.open("rb") as source:
        source.seek(offset)
        data = source.read(limit)
    return data[: data.rfind(b"\n") + 1] if file.stream == "spool" else data


def _punch(path: Path, stream: _Stream) -> None:
    """Give the disk back what is shipped, whole pages, where the file system can."""
    end = stream.shipped // _PAGE * _PAGE
    if end - stream.punched < _PUNCH_FROM:
        return
    descriptor = os.open(path, os.O_RDWR)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        start, length = ctypes.c_longlong(stream.punched), ctypes.c_longlong(end - stream.punched)
        libc.fallocate64(descriptor, _KEEP_SIZE | _PUNCH_HOLE, start, length)
    finally:
        os.close(descriptor)
    stream.punched = end
