"""`launcher drain --this-node`: what a machine's own hooks call. There is no server anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.executor.leaving import Watch


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAUNCHER_SPOOL_ROOT", str(tmp_path / "spool"))
    return tmp_path / "spool"


def leave(tmp_path: Path, *words: str, command: str = "drain") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LAUNCHER_SERVER": "http://127.0.0.1:9", "HOME": str(tmp_path)}
    return subprocess.run(
        [sys.executable, "-m", "launcher", command, "--this-node", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_machine_says_why_it_goes_and_waits_for_nobody_where_nobody_is(
    tmp_path: Path, spool: Path
) -> None:
    done = leave(tmp_path, "--why", "a new disk", "--wait", "0.5s")
    assert (done.returncode, done.stderr) == (0, "")
    assert Watch(0.0).look() == "a new disk"
    assert (spool / "leaving").exists()


def test_a_machine_that_stays_after_all_takes_it_back(tmp_path: Path, spool: Path) -> None:
    leave(tmp_path, "--why", "a new disk")
    for said in ("", "nobody had said that this machine goes\n"):
        done = leave(tmp_path, command="undrain")
        assert (done.returncode, done.stderr) == (0, said)
    assert not (spool / "leaving").exists()


def test_who_is_still_there_in_the_end_is_named(tmp_path: Path, spool: Path) -> None:
    (spool / "present").mkdir(parents=True)
    (spool / "present" / str(os.getpid())).touch()
    late = leave(tmp_path, "--wait", "0.5s")
    assert late.returncode == 1
    assert f"error: still here after 0.5s: processes {os.getpid()}" in late.stderr
    assert Watch(0.0).look().endswith(" is about to be stopped")
