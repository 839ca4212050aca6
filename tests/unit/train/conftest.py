from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from launcher.train import notices, spool, stopping


@dataclass
class Job:
    """A rank's surroundings as an agent makes them, without the agent."""

    spool: Path
    checkpoints: Path
    environment: dict[str, str]

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.spool.read_text().splitlines()]

    def run(self, program: str) -> subprocess.CompletedProcess[str]:
        """Run a program as the rank, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-c", program],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )


@pytest.fixture(autouse=True)
def _no_memory_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("LAUNCHER_JOB_ID", "LAUNCHER_SPOOL", "LAUNCHER_CHECKPOINT_DIR", "RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(notices, "_said", set())
    spool.current.cache_clear()
    stopping._stop_file.cache_clear()
    yield
    spool.current.cache_clear()
    stopping._stop_file.cache_clear()


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    environment = {
        "LAUNCHER_JOB_ID": "digits-k3m9ap",
        "LAUNCHER_ATTEMPT": "2",
        "LAUNCHER_SPOOL": str(tmp_path / "rank-0.spool"),
        "LAUNCHER_CHECKPOINT_DIR": str(tmp_path / "saved"),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Job(tmp_path / "rank-0.spool", tmp_path / "saved", environment)
