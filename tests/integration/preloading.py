"""Preloaded interpreters for tests, on a raylet that is a process that sleeps."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from machine import kill, wait_until

from launcher.executor.preloaded import Preloaded
from launcher.executor.preloads import Wanted

BASE = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", "HOME": os.environ["HOME"]}


@dataclass(frozen=True)
class Raylet:
    """What preloaded interpreters live with."""

    preloaded: Preloaded
    process: subprocess.Popen[bytes]

    @property
    def folder(self) -> Path:
        return self.preloaded.folder

    def begin(self, *modules: str, python: str = sys.executable, **env: str) -> Wanted:
        """One that is ready."""
        wanted = Wanted(python, modules, {**BASE, **env})
        self.preloaded.begin(wanted)
        wait_until(lambda: "ready" in self.said(wanted), lambda: self.said(wanted))
        return wanted

    def said(self, wanted: Wanted) -> str:
        return (self.folder / f"{wanted.key}.log").read_text()

    def pid(self, wanted: Wanted) -> int:
        return int((self.folder / f"{wanted.key}.lock").read_text())

    def living(self) -> list[int]:
        """Process ids of all that run."""
        locks = self.folder.glob("*.lock")
        found = [int(lock.read_text()) for lock in locks if lock.read_text()]
        return [pid for pid in found if Path(f"/proc/{pid}").exists()]


@contextlib.contextmanager
def raylet(folder: Path) -> Iterator[Raylet]:
    """A process in whose company interpreters are preloaded; they end with it."""
    process = subprocess.Popen(["sleep", "600"])
    folder.mkdir(mode=0o700)
    made = Raylet(Preloaded(folder, process.pid), process)
    try:
        yield made
    finally:
        process.kill()
        process.wait()
        wait_until(lambda: not made.living(), "the end of what was preloaded")


class Forked:
    """A keeper that a preloaded interpreter forked, by the face of `subprocess.Popen`."""

    def __init__(self, raylet: Raylet, wanted: Wanted, asked: Mapping[str, object],
                 held: Sequence[int] = ()) -> None:  # fmt: skip
        stdin, tells = os.pipe2(os.O_CLOEXEC)
        says, stdout = os.pipe2(os.O_CLOEXEC)
        answer = raylet.preloaded._ask(wanted.key, asked, [stdin, stdout, 2, *held])
        os.close(stdin)
        os.close(stdout)
        self.stdin, self.stdout = os.fdopen(tells, "wb"), os.fdopen(says, "rb")
        assert "pid" in answer, answer
        self.pid = int(str(answer["pid"]))

    def poll(self) -> int | None:
        return None if Path(f"/proc/{self.pid}").exists() else 0

    def wait(self, timeout: float) -> None:
        wait_until(lambda: self.poll() is not None, "the end of the keeper", timeout)

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        kill(self.pid)
