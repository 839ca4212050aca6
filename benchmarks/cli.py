"""Wall and CPU time of whole `launcher` commands, as a shell starts them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from embedded import LAUNCHER, Embedded, embedded
from measuring import Section, interleaved, rounds_parser, say, spread

JOBS = 20
GOALS_MS = {"launcher --help": 120, "launcher list": 250, "launcher show": 250}


@dataclass(frozen=True)
class Run:
    wall_ms: float
    cpu_ms: float


def main() -> None:
    args = rounds_parser(__doc__, default=15).parse_args()
    section = Section("Commands", rounds=args.rounds)
    with embedded() as cluster:
        job = _fill(cluster)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "python -c 'import click'": [sys.executable, "-c", "import click"],
            "launcher --help": [LAUNCHER, "--help"],
            "launcher list": [LAUNCHER, "list"],
            "launcher show": [LAUNCHER, "show", job],
        }
        results = interleaved(
            args.rounds, {name: partial(measure, words) for name, words in commands.items()}
        )
    section.table(
        ["command", "wall", "goal", "CPU"],
        [_row(name, runs) for name, runs in results.items()],
    )
    section.note(f"`list` and `show` ask a server with {JOBS} jobs that have ended.")
    section.print()


def measure(words: Sequence[str]) -> Run:
    """A command from its spawn to its end; what it prints is thrown away."""
    with Path(os.devnull).open("r+b") as null:
        begun = time.perf_counter()
        process = subprocess.Popen(words, stdin=null, stdout=null, stderr=null)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{words} ended with {process.returncode}")
    cpu_s = usage.ru_utime + usage.ru_stime
    return Run(wall_s * 1e3, cpu_s * 1e3)


def _fill(cluster: Embedded) -> str:
    """Run so many jobs; the id of one."""
    say(f"running {JOBS} jobs")
    jobs = [cluster.submit("brief.py", workers=1).id for _ in range(JOBS)]
    for job in jobs:
        cluster.await_end(job)
    return jobs[0]


def _row(name: str, runs: Sequence[Run]) -> list[str]:
    goal = f"≤ {GOALS_MS[name]} ms" if name in GOALS_MS else ""
    wall, cpu = [run.wall_ms for run in runs], [run.cpu_ms for run in runs]
    return [f"`{name}`", spread(wall, "ms"), goal, spread(cpu, "ms")]


if __name__ == "__main__":
    main()
