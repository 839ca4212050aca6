"""Processes of this machine, known by pid and start time, read from /proc; and how they are ended.

What we start is found again by its session id, since it begins as a session of its own and Ray's
processes stay in it, and by the folder that it works in. An environment marker would not do: Ray's
processes rename themselves, and setproctitle overwrites what /proc/PID/environ shows.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_POLL_S = 0.05
_KILL_PATIENCE_S = 10.0  # a killed process may still sit in a system call of a slow disk


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one with the same pid.

    `start` is in clock ticks since boot.
    """

    pid: int
    start: int


@dataclass(frozen=True)
class ProcessStat:
    """The fields of /proc/PID/stat that matter here."""

    process: Process
    name: str
    parent: int
    session: int
    alive: bool
    """False for a zombie: it has ended, only its parent has not looked."""


def parse_stat(text: str) -> ProcessStat:
    """One line of /proc/PID/stat; the name may itself hold blanks and brackets."""
    head, _, tail = text.rpartition(")")
    pid, _, name = head.partition(" (")
    fields = tail.split()
    return ProcessStat(
        process=Process(int(pid), int(fields[19])),
        name=name,
        parent=int(fields[1]),
        session=int(fields[3]),
        alive=fields[0] not in ("Z", "X"),
    )


def stat(pid: int) -> ProcessStat | None:
    try:
        return parse_stat(Path(f"/proc/{pid}/stat").read_text(errors="replace"))
    except OSError:
        return None


def snapshot() -> dict[int, ProcessStat]:
    """All living processes by pid."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return {pid: seen for pid in pids if (seen := stat(pid)) is not None and seen.alive}


def place_of(process: Process) -> tuple[str, ...]:
    """The parts of the path of the folder that it works in; none where that is not known."""
    try:
        return Path(f"/proc/{process.pid}/cwd").readlink().parts
    except OSError:
        return ()


def alive(process: Process) -> bool:
    seen = stat(process.pid)
    return seen is not None and seen.alive and seen.process == process


def in_session(
    leader: Process, folder: Path, processes: dict[int, ProcessStat]
) -> set[ProcessStat]:
    """Members of the session that `leader` began, whether or not the leader lives.

    The number of a session whose members have all ended may begin another one; so each must also
    work in `folder` or hold a file in it open, as all of Ray's processes do with their logs.
    """
    return {
        seen
        for seen in processes.values()
        if seen.session == leader.pid
        and seen.process.start >= leader.start
        and _works_in(folder, seen.process.pid)
    }


def _works_in(folder: Path, pid: int) -> bool:
    below = f"{folder}/"
    own = Path(f"/proc/{pid}")
    with contextlib.suppress(OSError):
        for link in (own / "cwd", *(own / "fd").iterdir()):
            with contextlib.suppress(OSError):  # a file that was closed in the meantime
                if f"{link.readlink()}/".startswith(below):
                    return True
    return False


def with_descendants(
    roots: set[ProcessStat], processes: dict[int, ProcessStat]
) -> set[ProcessStat]:
    """The roots and all that they started that still hangs below them, in whichever session."""
    found = set(roots)
    reached = {seen.process.pid for seen in roots}
    while True:
        more = {seen for seen in processes.values() if seen.parent in reached} - found
        if not more:
            return found
        found |= more
        reached = {seen.process.pid for seen in more}


def end(find: Callable[[], set[Process]], grace_s: float) -> set[Process]:
    """SIGTERM to all that `find` finds, SIGKILL after the grace; what refuses to die is returned.

    It looks again until nothing is left, since the dying may still start something; and what was
    found once is followed to its end, since it loses its parent when that one dies first.
    """
    ours: set[Process] = set()
    asked: set[Process] = set()
    deadline = time.monotonic() + grace_s
    while living := {one for one in ours | find() if alive(one)}:
        ours |= living
        if time.monotonic() < deadline:
            for one in living - asked:
                send(one, signal.SIGTERM)
            asked |= living
        elif time.monotonic() < deadline + _KILL_PATIENCE_S:
            for one in living:
                send(one, signal.SIGKILL)
        else:
            break
        time.sleep(_POLL_S)
    return living


def send(process: Process, number: signal.Signals) -> None:
    """Signal exactly this process; nothing happens when it has ended."""
    if alive(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def memory_bytes(process: Process) -> int:
    """Proportional set size: shared pages are counted once over all who share them.

    Falls back to the resident set, and to 0 for a process that has ended.
    """
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0
