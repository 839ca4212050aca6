"""What each rank's processes take: the rank's own, its data loaders, whatever it started.

A process belongs to the rank whose session it is in (ranks lead sessions of their own), or to the
rank of its parent. Only these are read at every look: of all others of the machine it is enough to
look at each new one once, and at all of them now and then, for one may begin a session later.

Nothing here takes a lock in the kernel for which a rank would have to wait: neither `smaps` nor
anything else that walks the memory of a process is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_FORGET_EVERY = 12
"""After so many looks all processes are looked at again."""


class Process(NamedTuple):
    """One line of /proc/PID/stat."""

    parent: int
    session: int
    own_s: float
    """CPU time."""
    reaped_s: float
    """That of its children that ended and were waited for, with theirs."""
    started: int
    """Ticks after the machine's start: with the number, it names a process for ever."""
    resident: int
    """Bytes."""


def process_of(stat: str) -> Process | None:
    """What /proc/PID/stat tells; its name may hold spaces and brackets."""
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 22:
        return None
    user, system, reaped_user, reaped_system = (int(field) for field in fields[11:15])
    return Process(
        int(fields[1]),
        int(fields[3]),
        (user + system) / _TICKS_A_SECOND,
        (reaped_user + reaped_system) / _TICKS_A_SECOND,
        int(fields[19]),
        int(fields[21]) * _PAGE_BYTES,
    )


def shared_bytes(statm: str) -> int:
    """Of what is resident, what belongs to files and shared memory."""
    fields = statm.split()
    return int(fields[2]) * _PAGE_BYTES if len(fields) > 2 else 0


Used = Mapping[tuple[int, int], tuple[float, float]]
"""CPU time of each process, and of what it reaped; by its number and when it was started."""


class _Look(NamedTuple):
    at: float
    used: Used


class RankLooker:
    """Looks at ranks' processes again and again; not for two threads at once.

    Args:
        proc: another one in tests.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = str(proc)
        self._others: set[int] = set()
        self._looks = 0
        self._before: dict[int, _Look] = {}

    def look(self, pids: Mapping[int, int], now: float) -> dict[int, dict[str, float]]:
        """Per rank: CPU since the last look, memory, number of processes.

        Args:
            pids: the process that was started for each rank.
            now: monotonic clock, seconds.
        """
        members = self._members(pids)
        seen: dict[int, dict[str, float]] = {}
        looks: dict[int, _Look] = {}
        for rank, own in members.items():
            if not own:
                continue
            used = {(pid, one.started): (one.own_s, one.reaped_s) for pid, one in own.items()}
            looks[rank] = _Look(now, used)
            seen[rank] = {"rank/memory": self._memory(own), "rank/processes": len(own)}
            before = self._before.get(rank)
            if before is not None and now > before.at:
                percent = 100 * _grown(used, before.used) / (now - before.at)
                seen[rank]["rank/cpu"] = round(percent, 1)
        self._before = looks
        return seen

    def _members(self, pids: Mapping[int, int]) -> dict[int, dict[int, Process]]:
        """The processes of each rank."""
        names = os.listdir(self._proc)  # noqa: PTH208 - a path of each costs four times as much
        there = {int(name) for name in names if name.isdecimal()}
        self._looks += 1
        self._others = set() if self._looks % _FORGET_EVERY == 0 else self._others & there
        rank_of = {pid: rank for rank, pid in pids.items()}
        wanted = there - self._others.difference(pids.values())
        read = {pid: one for pid in wanted if (one := self._process(pid))}
        own: dict[int, dict[int, Process]] = {rank: {} for rank in pids}
        for pid, process in read.items():
            rank = _rank(pid, process, read, rank_of)
            if rank is None:
                self._others.add(pid)
            else:
                own[rank][pid] = process
        return own

    def _process(self, pid: int) -> Process | None:
        return process_of(_text(f"{self._proc}/{pid}/stat"))

    def _memory(self, processes: Iterable[int]) -> int:
        """Resident bytes of all; what they may share (libraries, /dev/shm) counted once.

        Memory that children share with who forked them until one writes counts for each: to tell
        would take walking through all of it.
        """
        resident, shared = 0, [0]
        for pid in processes:
            statm = _text(f"{self._proc}/{pid}/statm")
            if statm:
                resident += int(statm.split()[1]) * _PAGE_BYTES
                shared.append(shared_bytes(statm))
        return resident - sum(shared) + max(shared)


def _rank(
    pid: int, process: Process, read: Mapping[int, Process], rank_of: Mapping[int, int]
) -> int | None:
    """The rank that a process belongs to: its own, its session's, or that of its forefathers."""
    seen: set[int] = set()
    while pid not in seen:
        for leader in (pid, process.session):
            if leader in rank_of:
                return rank_of[leader]
        seen.add(pid)
        parent = read.get(process.parent)
        if parent is None:
            return None
        pid, process = process.parent, parent
    return None


def _grown(used: Used, before: Used) -> float:
    """Seconds that processes worked between two looks.

    What ended in between is in the time that its parent reaped, of which the part is taken off that
    was seen before; where nobody waited for it, its last seconds are lost.
    """
    nothing = (0.0, 0.0)
    own = sum(now[0] - before.get(process, nothing)[0] for process, now in used.items())
    reaped = sum(now[1] - before.get(process, nothing)[1] for process, now in used.items())
    ended = sum(sum(then) for process, then in before.items() if process not in used)
    return max(own, 0.0) + max(reaped - ended, 0.0)


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123 - three times faster, hundreds of times a look
            return file.read()
    except OSError:  # it ended
        return ""
