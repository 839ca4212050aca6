"""TensorBoard's event files on this node: which there are, and their records, whole and verified.

A file is a sequence of records, each framed by its length and two checksums (TFRecord). What a
record says is read by the server, with tensorboard's own reader: nodes have nothing for it. A
record whose end is not written yet, or whose bytes a network file system still shows as zeros, is
left for the next look. One that is larger than any figures are holds pictures or a graph, and is
passed over.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from launcher.model import globs

MARK = "events.out.tfevents."
"""So the name of an event file begins."""
LARGEST = 64 * 1024
"""Bytes of a record that may hold figures."""
MOST_FILES = 2000
"""Files that are followed in one attempt."""
_OF_OTHER_WORKERS = "workertemp_"
"""Legacy Keras has all workers but the first write into such folders, and removes them."""
_FRAME = struct.Struct("<QI")
_CHECK = struct.Struct("<I")
_MOST_A_LOOK = 1 << 20
"""Bytes of a file that are read at once."""


class EventFile(NamedTuple):
    """`run` is the folder below the one that the user named, as TensorBoard calls it; `.` is it."""

    path: str
    """In the job's folder."""
    run: str
    size: int


class Records(NamedTuple):
    """What a look at a file gave. `end`: the offset behind it."""

    payloads: list[bytes]
    end: int
    is_all: bool
    """No whole record follows yet."""


def find(root: Path, pattern: str) -> list[EventFile]:
    """The event files below the folders that `pattern` means, without following links."""
    found: dict[str, EventFile] = {}
    for base in _folders(str(root), "", globs.split(pattern)):
        for run, path, size in _below(str(root), base, "."):
            found.setdefault(path, EventFile(path, run, size))
            if len(found) == MOST_FILES:
                return list(found.values())
    return list(found.values())


def read(root: Path, path: str, start: int) -> Records:
    """The whole records of a file from `start` on, as many as one look reads.

    Raises:
        OSError: the file is gone, or cannot be read.
    """
    descriptor = os.open(root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        data = os.pread(descriptor, min(_MOST_A_LOOK, max(size - start, 0)), start)
    finally:
        os.close(descriptor)
    has_more = start + len(data) < size
    payloads: list[bytes] = []
    at = 0
    while at + _FRAME.size <= len(data):
        length = _length_at(data, at)
        if length is None:
            return Records(payloads, start + at, is_all=True)
        end = at + _FRAME.size + length + _CHECK.size
        if length > LARGEST:
            if start + end > size:
                return Records(payloads, start + at, is_all=True)
        elif end > len(data):
            break
        elif _CHECK.unpack_from(data, end - _CHECK.size)[0] == masked_crc(
            data[at + _FRAME.size : end - _CHECK.size]
        ):
            payloads.append(data[at + _FRAME.size : end - _CHECK.size])
        else:
            return Records(payloads, start + at, is_all=True)
        at = end
    return Records(payloads, start + at, is_all=not has_more or start + at >= size)


def masked_crc(data: bytes) -> int:
    """The checksum of TFRecord files: CRC-32C, turned and shifted.

    >>> hex(masked_crc(b"123456789"))
    '0xc78ab0e5'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _table() -> tuple[int, ...]:
    table = []
    for number in range(256):
        crc = number
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_TABLE = _table()


def _length_at(data: bytes, at: int) -> int | None:
    """Length of the record that begins there; None where its bytes are not there yet."""
    length, check = _FRAME.unpack_from(data, at)
    return int(length) if check == masked_crc(data[at : at + 8]) else None


def _folders(root: str, folder: str, parts: Sequence[str]) -> Iterator[str]:
    """Folders that the parts of a pattern mean, from a folder on."""
    if not parts:
        yield folder
        return
    deep = parts[0] == globs.ANY_DEPTH
    if deep:
        yield from _folders(root, folder, parts[1:])
    for entry in _entries(root, folder):
        path = f"{folder}{entry.name}/"
        if not entry.is_dir(follow_symlinks=False):
            continue
        if deep and not entry.name.startswith("."):
            yield from _folders(root, path, parts)
        elif not deep and globs.names(parts[0], entry.name):
            yield from _folders(root, path, parts[1:])


def _below(root: str, folder: str, run: str) -> Iterator[tuple[str, str, int]]:
    """Run, path and size of the event files below a folder."""
    for entry in _entries(root, folder):
        path = f"{folder}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if not entry.name.startswith(_OF_OTHER_WORKERS):
                inner = entry.name if run == "." else f"{run}/{entry.name}"
                yield from _below(root, f"{path}/", inner)
        elif entry.name.startswith(MARK):
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode):
                yield run, path, found.st_size


def _entries(root: str, folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(f"{root}/{folder}") as scan:
            return sorted(scan, key=lambda entry: entry.name)
    except OSError:
        return []
