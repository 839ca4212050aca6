"""Microseconds of one `launcher.report(step=…, loss=…, acc=…)`, in batches of 5,000 calls.

Outside a job, in a job, and in a job whose server stands still.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded import PROGRAMS, embedded
from marked import MarkedFolder, marked_folder
from measuring import Section, interleaved, rounds_parser, spread

PROGRAM = "reports.py"
GOAL_US = 10


@dataclass(frozen=True)
class Cost:
    """Microseconds a call: mean of a batch."""

    wall: float
    cpu: float


def main() -> None:
    args = rounds_parser(__doc__).parse_args()
    section = Section("One report", rounds=args.rounds)
    with embedded() as cluster, marked_folder() as marks:
        phases = iter(range(2 * args.rounds))
        job = cluster.submit(PROGRAM, str(marks.path), str(2 * args.rounds), workers=1).id
        marks.wait("line", ranks=1)

        def server_up() -> Cost:
            return _batch(marks, next(phases))

        def server_stopped() -> Cost:
            with _standing_still(cluster.state_dir):
                return _batch(marks, next(phases))

        variants = {
            "outside a job": outside,
            "in a job": server_up,
            "in a job, the server stopped": server_stopped,
        }
        results = interleaved(args.rounds, variants)
        cluster.await_end(job)
        [curve] = cluster.client.metrics(job, name="loss")
    section.table(
        ["`report(step=…, loss=…, acc=…)`", "a call", "goal", "CPU"],
        [_row(name, costs) for name, costs in results.items()],
    )
    section.note(f"{len(curve.points):,} points of its loss are on the server.")
    section.print()


def _row(name: str, costs: Sequence[Cost]) -> list[str]:
    wall, cpu = [cost.wall for cost in costs], [cost.cpu for cost in costs]
    return [name, spread(wall, "µs"), f"≤ {GOAL_US} µs", spread(cpu, "µs")]


def outside() -> Cost:
    with marked_folder() as marks:
        (marks.path / "go-0").touch()
        environment = {key: v for key, v in os.environ.items() if not key.startswith("LAUNCHER_")}
        subprocess.run(
            [sys.executable, PROGRAM, str(marks.path), "1"],
            cwd=PROGRAMS,
            env=environment,
            check=True,
        )
        return _cost(marks, 0)


def _batch(marks: MarkedFolder, phase: int) -> Cost:
    (marks.path / f"go-{phase}").touch()
    return _cost(marks, phase)


def _cost(marks: MarkedFolder, phase: int) -> Cost:
    [wall], [cpu] = (marks.wait(f"{name} {phase}", ranks=1) for name in ("wall", "cpu"))
    return Cost(wall.value, cpu.value)


@contextmanager
def _standing_still(state_dir: Path) -> Iterator[None]:
    pid = json.loads((state_dir / "server.json").read_text())["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    main()
