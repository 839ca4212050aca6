"""Writes down when a rank gets where, for the benchmark that waits for it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path


class Marks:
    """A file of JSON lines for each rank, in a folder that the benchmark reads."""

    def __init__(self, folder: str | Path) -> None:
        self._rank = int(os.environ.get("RANK") or os.environ.get("HOROVOD_RANK", "0"))
        self._attempt = int(os.environ.get("LAUNCHER_ATTEMPT", "0")) or 1 + int(
            os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        )
        self._file = Path(folder) / f"rank-{self._rank}.jsonl"

    def add(self, name: str, value: float | None = None) -> None:
        """Mark a moment, or give a figure. By default the value is the time now."""
        mark = {
            "name": name,
            "value": time.time() if value is None else value,
            "rank": self._rank,
            "attempt": self._attempt,
            "pid": os.getpid(),
        }
        with self._file.open("a") as file:
            file.write(json.dumps(mark) + "\n")
