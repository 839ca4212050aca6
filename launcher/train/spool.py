"""The rank's spool: a file of JSON lines that the agent ships. No agent, socket or lock is met.

A record is one write at the file's end, so records of threads and forked children do not mix, and
what was written survives the death of the process. A reader skips empty lines, and lines that are
no JSON: the torn end of a record when the disk was full.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from launcher.train.place import in_job

_NOT_OPEN = (-1, -1)


class Spool:
    """Appends records to one file, which it opens at the first record."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._pid = -1
        self._inode = _NOT_OPEN
        self._torn = False

    def append(self, record: dict[str, Any]) -> None:
        """Write one record.

        Raises:
            OSError: the record could not be written, or not whole. The next one is not harmed.
        """
        self.write(json.dumps(record, separators=(",", ":")))

    def write(self, text: str) -> None:
        """Write one record that is JSON already; raises as `append`."""
        line = f"{text}\n".encode()
        if not self._is_ours():
            self._open()
        if self._torn:
            line = b"\n" + line
        written = os.write(self._fd, line)
        self._torn = written < len(line)
        if self._torn:
            raise OSError(f"only {written} of {len(line)} bytes fitted on the disk")

    def _is_ours(self) -> bool:
        """Whether the descriptor is still our file in this process.

        Programs that fork or become daemons close every descriptor, and its number may since be a
        file of the user's, which we must not write into.
        """
        if self._pid != os.getpid():
            return False
        try:
            found = os.fstat(self._fd)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._inode

    def _open(self) -> None:
        # The old descriptor, if any, stays as it is: it may belong to somebody else by now.
        with standard_streams_taken():
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._fd = os.open(self._path, flags, 0o644)
        found = os.fstat(self._fd)
        self._inode = (found.st_dev, found.st_ino)
        self._pid = os.getpid()
        # A process before us may have died in the middle of a record.
        size = found.st_size
        self._torn = size > 0 and os.pread(self._fd, 1, size - 1) != b"\n"


@contextmanager
def standard_streams_taken() -> Iterator[None]:
    """While inside, no new descriptor becomes 0, 1 or 2.

    A program may have closed its stdout. The next file to be opened would then be number 1, and
    every `print` would go into it.
    """
    plugs = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while plugs[-1] <= 2:
            plugs.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for plug in plugs:
            os.close(plug)


@lru_cache(maxsize=None)  # noqa: UP033 - functools.cache came with Python 3.9
def current() -> Spool | None:
    """The spool of this rank; None outside a job."""
    path = os.environ.get("LAUNCHER_SPOOL")
    return Spool(path) if path and in_job() else None
