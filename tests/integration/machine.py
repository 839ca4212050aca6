"""What runs on this machine, read from /proc: the ranks of jobs, their keepers and agents."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from launcher.clusters import _processes
from launcher.clusters._processes import Process

T = TypeVar("T")
PATIENCE_S = 150.0
"""Far more than anything here takes; on a loaded machine a test shall not fail for its load."""


def wait_until(
    holds: Callable[[], T], what: str | Callable[[], str], patience_s: float = PATIENCE_S
) -> T:
    """The first true answer of `holds`; `what` tells what is waited for."""
    give_up = time.monotonic() + patience_s
    while not (found := holds()):
        if time.monotonic() > give_up:
            told = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {patience_s:g} s: {told}")
        time.sleep(0.03)
    return found


@dataclass(frozen=True)
class RankProcess:
    """A process that carries a rank's environment: the rank itself, or a child of it."""

    process: Process
    job: str
    allocation: str
    attempt: int
    rank: int
    is_rank: bool
    """False: something that the rank started."""

    @property
    def pid(self) -> int:
        return self.process.pid


def environment(pid: int) -> dict[str, str]:
    """The environment that a process began with; empty when it is gone or another user's."""
    with contextlib.suppress(OSError):
        entries = Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
        # A process may write over it: those that give themselves a title do.
        return dict(entry.split("=", 1) for entry in entries if "=" in entry)
    return {}


def marked(job: str) -> list[RankProcess]:
    """Every living process that carries an allocation of the job."""
    mark = f"LAUNCHER_ALLOCATION={job}.".encode()
    found = []
    for pid in pids():
        with contextlib.suppress(OSError):
            if mark not in Path(f"/proc/{pid}/environ").read_bytes():
                continue
        seen = _processes.stat(pid)
        env = environment(pid)
        if seen is None or not seen.alive or "LAUNCHER_ALLOCATION" not in env:
            continue
        found.append(
            RankProcess(
                seen.process,
                job,
                env["LAUNCHER_ALLOCATION"],
                int(env["LAUNCHER_ATTEMPT"]),
                int(env.get("RANK", 0)),
                is_rank=is_keeper(seen.parent),
            )
        )
    return found


def ranks(job: str, attempt: int | None = None) -> dict[int, int]:
    """Pids of a job's ranks by their number."""
    return {
        one.rank: one.pid for one in marked(job) if one.is_rank and attempt in {None, one.attempt}
    }


def is_keeper(pid: int) -> bool:
    return any(word.endswith(b"keeper.py") for word in command(pid))


def keepers(job: str) -> list[int]:
    """Pids of the keepers of a job's agents."""
    mark = f"LAUNCHER_ALLOCATION={job}.".encode()
    return [
        pid
        for pid in pids()
        if is_keeper(pid) and any(word.startswith(mark) for word in command(pid))
    ]


def agent_of(rank_pid: int) -> int:
    """Pid of the agent whose keeper started the rank."""
    keeper = parent(rank_pid)
    assert is_keeper(keeper)
    return parent(keeper)


def parent(pid: int) -> int:
    seen = _processes.stat(pid)
    assert seen is not None
    return seen.parent


def process(pid: int) -> Process:
    """A living process, not to be mistaken for a later one of that pid."""
    seen = _processes.stat(pid)
    assert seen is not None
    return seen.process


def command(pid: int) -> list[bytes]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return []


def pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def holders(folder: Path) -> set[int]:
    """Pids of the processes that have a file below the folder open, or work there."""
    below = f"{folder}/"
    found = set()
    for pid in pids():
        with contextlib.suppress(OSError):
            for link in (Path(f"/proc/{pid}/cwd"), *Path(f"/proc/{pid}/fd").iterdir()):
                with contextlib.suppress(OSError):
                    if f"{link.readlink()}/".startswith(below):
                        found.add(pid)
    return found


def kill(pid: int) -> None:
    """SIGKILL, and wait until the kernel has ended it."""
    doomed = process(pid)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not _processes.alive(doomed), f"the end of process {pid}")


class Sampler:
    """Looks all the time whether ranks of two attempts of a job live at once. Use it in a `with`.

    A look takes a while, so a pair counts only when the first is still there after the second was
    seen.
    """

    def __init__(self, job: str) -> None:
        self._job = job
        self._done = threading.Event()
        self.looks = 0
        self.overlaps: list[tuple[RankProcess, RankProcess]] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.looks += 1
            found = marked(self._job)
            self.overlaps += [
                (one, other)
                for one in found
                for other in found
                if one.attempt < other.attempt
                and _processes.alive(one.process)
                and _processes.alive(other.process)
            ]
