"""A full disk, told in words: which folder, how much is free, what to do."""

from __future__ import annotations

import ctypes
import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher.errors import DiskFullError
from launcher.units import format_size


@contextmanager
def full_disk_told(folder: Path, what: str) -> Iterator[None]:
    """Translate "no space left" that is met inside.

    Raises:
        DiskFullError: the disk that holds `folder`, or the user's quota on it, is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise disk_full(folder, what) from error


def disk_full(folder: Path, what: str) -> DiskFullError:
    free = format_size(shutil.disk_usage(folder).free)
    return DiskFullError(
        f"no space left for {what}: {free} free on the disk of {folder}",
        hint="free some space there, or lower checkpoints.keep_last of the jobs",
    )


_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02


def punch(descriptor: int, start: int, end: int) -> None:
    """Give the disk back what lies between; a file system without holes keeps it."""
    libc = ctypes.CDLL(None, use_errno=True)
    first, length = ctypes.c_longlong(start), ctypes.c_longlong(end - start)
    libc.fallocate64(descriptor, _KEEP_SIZE | _PUNCH_HOLE, first, length)
