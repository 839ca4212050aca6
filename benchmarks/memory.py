"""Memory (PSS) and CPU of every process that launcher keeps: idle, and beside a job of 2 ranks.

PSS counts a page that several processes share in equal parts, so the rows may be added up.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from background import background
from embedded import Embedded, embedded
from marked import marked_folder
from measuring import Section, rounds_parser, say

from launcher.clusters import _processes
from launcher.clusters._processes import Process

CPU_OVER_S = 10.0
_STEADY_PART, _STEADY_POLL_S = 0.01, 1.0
"""Memory is steady when it differs by less than this part from a moment before."""


@dataclass(frozen=True)
class Use:
    """Of all processes of one name."""

    count: int
    memory_mib: float
    cpu_percent: float


Uses = Mapping[str, Use]


def main() -> None:
    args = rounds_parser(__doc__).parse_args()
    section = Section("Memory of what runs beside the training", rounds=args.rounds)
    idle, busy = [], []
    with embedded() as cluster:
        for number in range(1, args.rounds + 1):
            say(f"round {number}/{args.rounds}: idle")
            idle.append(measure(cluster))
            say(f"round {number}/{args.rounds}: with a job")
            with marked_folder() as marks:
                options = ["--marks", str(marks.path), "--steps", "10000000", "--pause", "0.1"]
                job = cluster.submit("ddp.py", *options, "--tell").id
                rank = marks.wait("step")[0].pid
                busy.append(measure(cluster, rank))
                cluster.end(job)
    section.table(
        ["process", "idle", "CPU", "with a job", "CPU"],
        [*(_row(name, idle, busy) for name in _names([*idle, *busy])), _sums(idle, busy)],
    )
    section.note(f"CPU: percent of one core, over {CPU_OVER_S:g} s. The job makes 10 steps/s.")
    section.print()


def measure(cluster: Embedded, rank: int | None = None) -> Uses:
    """What each name uses, once the memory is steady.

    Args:
        cluster: whose processes.
        rank: pid of a rank of the running job, if one runs.
    """
    before = -1.0
    while abs(before - (now := _total(cluster, rank))) > _STEADY_PART * now:
        before = now
        time.sleep(_STEADY_POLL_S)
    processes = dict(background(cluster, rank))
    cpu = {process: _cpu_s(process) for process in processes}
    begun = time.monotonic()
    time.sleep(CPU_OVER_S)
    lasted = time.monotonic() - begun
    members: dict[str, list[Process]] = defaultdict(list)
    for process, name in processes.items():
        members[name].append(process)
    return {
        name: Use(
            count=len(found),
            memory_mib=sum(map(_processes.memory_bytes, found)) / 2**20,
            cpu_percent=sum(_cpu_s(one) - cpu[one] for one in found) / lasted * 100,
        )
        for name, found in members.items()
    }


def _total(cluster: Embedded, rank: int | None) -> float:
    return float(sum(_processes.memory_bytes(one) for one, _ in background(cluster, rank)))


def _cpu_s(process: Process) -> float:
    """User and system time of all its threads so far; of a process that has ended, nothing."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _names(all_uses: Sequence[Uses]) -> list[str]:
    return list(dict.fromkeys(name for uses in all_uses for name in uses))


def _row(name: str, idle: Sequence[Uses], busy: Sequence[Uses]) -> list[str]:
    counts = {uses[name].count for uses in [*idle, *busy] if name in uses}
    many = f" x {min(counts)}" + (f"-{max(counts)}" if len(counts) > 1 else "")
    return [name + many * (counts != {1}), *_cells(name, idle), *_cells(name, busy)]


def _sums(idle: Sequence[Uses], busy: Sequence[Uses]) -> list[str]:
    cells = []
    for runs in (idle, busy):
        memory = statistics.median(sum(use.memory_mib for use in uses.values()) for uses in runs)
        cpu = statistics.median(sum(use.cpu_percent for use in uses.values()) for uses in runs)
        cells += [f"{memory:.0f} MiB", f"{cpu:.1f} %"]
    return ["all", *cells]


def _cells(name: str, runs: Sequence[Uses]) -> list[str]:
    there = [uses[name] for uses in runs if name in uses]
    if not there:
        return ["", ""]
    memory = statistics.median(use.memory_mib for use in there)
    cpu = statistics.median(use.cpu_percent for use in there)
    return [f"{memory:.1f} MiB", f"{cpu:.1f} %"]


if __name__ == "__main__":
    main()
