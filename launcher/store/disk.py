"""A full disk, told in words: which folder, how much is free, what to do."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher.errors import LauncherError
from launcher.units import format_size


class DiskFullError(LauncherError):
    """The disk of the server's state folder is full. Nothing was half written."""


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
