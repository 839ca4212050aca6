"""What sampling a node costs: CPU time of a sample, and of storing it, against one core.

Each case has real processes, which sleep: what is read of them in /proc is the same. GPUs are not
asked here; `make gpu-check` tells what asking them takes, where there are some.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from measuring import Section, rounds_parser, say

from launcher.executor.folders import JobFolder
from launcher.executor.sampling import NodePlace, Sampler
from launcher.model.sample import EVERY_S, line_of
from launcher.store import open_store

SAMPLES = 24
"""Of a round: two minutes. All processes of the machine are looked at twice in it."""
_SLEEPERS = """
import os, sys
for _ in range(int(sys.argv[1]) - 1):
    if os.fork() == 0:
        break
else:
    print("begun", flush=True)
while True:
    os.read(0, 1)
"""


@dataclass(frozen=True)
class Case:
    ranks: int
    processes: int
    """Of each rank."""
    others: int = 0

    @property
    def words(self) -> str:
        beside = f", {self.others} processes of others" if self.others else ""
        each = f"{self.processes} process{'es' * (self.processes > 1)}"
        return f"{self.ranks} ranks of {each}{beside}"


CASES = (Case(2, 1), Case(8, 20), Case(8, 20, others=500))


def main() -> None:
    args = rounds_parser(__doc__).parse_args()
    section = Section("Sampling", rounds=args.rounds)
    rows = []
    for case in CASES:
        with processes(case) as pids:
            runs = []
            for number in range(1, args.rounds + 1):
                say(f"{case.words}: round {number}/{args.rounds}")
                runs.append(measure(pids))
        sampled = statistics.median(run.sample_s for run in runs)
        rows.append(
            [
                case.words,
                f"{1000 * sampled:.1f} ms",
                f"{sampled / EVERY_S:.2%}",
                f"{runs[0].line_bytes} B",
                f"{1000 * statistics.median(run.store_s for run in runs):.1f} ms",
            ]
        )
    section.table(["node", "CPU of a sample", "of one core", "line", "CPU to store it"], rows)
    section.note(
        f"Mean of {SAMPLES} samples; one is taken every {EVERY_S:g} s. Stored by the server, "
        "one sample a transaction."
    )
    section.print()


@dataclass(frozen=True)
class Run:
    """CPU seconds of one sample."""

    sample_s: float
    store_s: float
    line_bytes: int


def measure(pids: dict[int, int]) -> Run:
    with tempfile.TemporaryDirectory() as temporary:
        folder = JobFolder.of(Path(temporary), "bench-aaaaaa", "n1")
        sampler = Sampler(folder, NodePlace(0, 0), lambda: pids, print, every_s=EVERY_S)
        sampler.look()
        begun = time.process_time()
        lines = [line_of(sampler.look()) for _ in range(SAMPLES)]
        sampled = time.process_time() - begun
        sampler.close()
        with contextlib.closing(open_store(Path(temporary) / "state")) as store:
            begun, length = time.process_time(), 0
            for line in lines:
                length = store.samples.append("bench-aaaaaa", 1, 0, length, line).length
            stored = time.process_time() - begun
    return Run(sampled / SAMPLES, stored / SAMPLES, len(lines[-1]))


@contextlib.contextmanager
def processes(case: Case) -> Iterator[dict[int, int]]:
    """Gives the process of each rank."""
    groups = [sleepers(case.processes) for _ in range(case.ranks)]
    others = [sleepers(case.others)] if case.others else []
    try:
        yield {rank: group.pid for rank, group in enumerate(groups)}
    finally:
        for group in [*groups, *others]:
            os.killpg(group.pid, signal.SIGKILL)
            group.communicate()


def sleepers(count: int) -> subprocess.Popen[bytes]:
    """A session of so many processes that wait."""
    group = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _SLEEPERS, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert group.stdout is not None
    group.stdout.readline()
    return group


if __name__ == "__main__":
    main()
