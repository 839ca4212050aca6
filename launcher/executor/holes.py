"""Files with holes: what was shipped or given up takes no disk, and every byte keeps its place."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator

from launcher.model.gaps import Gap

_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02
_LEAST_BLOCK = 4096
_LOOK = 64 * 1024


def punch(descriptor: int, start: int, end: int) -> int:
    """Give the disk back what lies between, whole blocks, where the file system can.

    Returns:
        Where the hole ends.
    """
    block = max(_LEAST_BLOCK, os.fstat(descriptor).st_blksize)
    start, end = -(-start // block) * block, end // block * block
    if start < end:
        libc = ctypes.CDLL(None, use_errno=True)
        first, length = ctypes.c_longlong(start), ctypes.c_longlong(end - start)
        libc.fallocate64(descriptor, _KEEP_SIZE | _PUNCH_HOLE, first, length)
    return end


def next_data(descriptor: int, offset: int, size: int) -> int:
    """Where the hole ends in which `offset` lies; `offset` itself when it lies in none."""
    found = _seek(descriptor, offset, os.SEEK_DATA, size)
    if found > offset and any(os.pread(descriptor, min(found - offset, _LOOK), offset)):
        return offset  # the file system is mistaken: a hole reads as zeros
    return min(found, size)


def next_hole(descriptor: int, offset: int, size: int) -> int:
    """Where the next hole begins, or the file ends."""
    return min(_seek(descriptor, offset, os.SEEK_HOLE, size), size)


def holes(descriptor: int, size: int) -> Iterator[Gap]:
    """Every hole of a file, in order."""
    at = 0
    while at < size:
        end = next_data(descriptor, at, size)
        if end > at:
            yield Gap(at, end)
        at = next_hole(descriptor, end, size) if end < size else size


def _seek(descriptor: int, offset: int, what: int, size: int) -> int:
    try:
        return os.lseek(descriptor, offset, what)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nothing but a hole up to the end
            return size
        return offset if what == os.SEEK_DATA else size  # no file system with holes
