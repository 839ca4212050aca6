"""The records of what the agent read by itself: each is written once, whoever is killed when.

Two files in an attempt's folder. `rank-0.observed` grows by JSON lines, as a rank's own spool, and
is shipped as that is. `rank-0.observing` says how far was read, and holds the newest lines. It is
replaced first, as a whole; only then the lines are appended. So whoever goes on (this agent, the
next one, the executor) finds a place to read from and can make up for lines that were not written:
nothing of them is read twice. Both are synced in that order, so it also holds after a power cut.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Observed:
    """Records of one attempt, and the state of whoever reads for them.

    Opening it finishes what was broken off.
    """

    def __init__(self, records: Path, progress: Path) -> None:
        self._records, self._progress = records, progress
        self.state: dict[str, Any] = {}
        self._length = 0
        try:
            known = json.loads(progress.read_text())
        except FileNotFoundError:
            return
        self.state = known["state"]
        lines = known["lines"].encode()
        self._length = known["length"] + len(lines)
        self._write(lines, known["length"])

    def add(self, records: Sequence[dict[str, Any]], state: dict[str, Any]) -> None:
        """Append the records; from now on the state counts that tells of them.

        Raises:
            OSError: it may have been done or not; ask a new object.
        """
        lines = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
        self._replace({"length": self._length, "lines": lines, "state": state})
        self.state = state
        if lines:
            data = lines.encode()
            self._write(data, self._length)
            self._length += len(data)

    def _replace(self, content: dict[str, Any]) -> None:
        fresh = self._progress.with_suffix(".observing-new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self._progress)

    def _write(self, data: bytes, offset: int) -> None:
        """The data at that place, and nothing behind it. Synced: the next state builds on it."""
        descriptor = os.open(self._records, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size > offset + len(data):
                os.ftruncate(descriptor, offset + len(data))
            while data:
                written = os.pwrite(descriptor, data, offset)
                data, offset = data[written:], offset + written
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
