"""Submit to first DDP step of 2 ranks, on a cluster that is up, beside torchrun and Ray Train.

The clock starts before the command is spawned and stops when the last rank has made its step.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import peers
from background import await_rest
from embedded import LAUNCHER, PROGRAMS, WORKERS, Embedded, embedded
from marked import MarkedFolder, marked_folder
from measuring import Section, add_ray_option, interleaved, ratio, rounds_parser, spread
from peers import Command
from preload import COLD, left_by

_STAGES = {
    "submitted": "the server has the job",
    "granted": "the scheduler has granted it",
    "held": "the placement group is held",
    "up": "its agents are up",
    "line": "first line of the program (last rank)",
    "step": "first step (last rank)",
}


@dataclass(frozen=True)
class Start:
    """Moments in seconds after the command; `step` is there always."""

    moments: Mapping[str, float] = field(default_factory=dict)

    @property
    def step(self) -> float:
        return self.moments["step"]


def main() -> None:
    parser = rounds_parser(__doc__)
    add_ray_option(parser)
    args = parser.parse_args()
    section = Section("Submit to first DDP step, 2 ranks, cluster up", rounds=args.rounds)
    lacks = peers.missing(args.ray_python)
    with embedded() as cluster:
        left_by(lambda: launcher(cluster), "the first job")
        variants = {
            "launcher": lambda: launcher(cluster),
            "cold": lambda: launcher(cluster, **COLD),
            "torchrun": torchrun,
        }
        if lacks:
            results = interleaved(args.rounds, variants)
        else:
            with peers.ray_head(args.ray_python) as head:
                variants["Ray"] = lambda: ray_job(head)
                results = interleaved(args.rounds, variants)
    section.table(*comparison(results, lacks))
    section.note("Where the time of `launcher submit` goes, from the command:")
    section.stages([start.moments for start in results["launcher"]], _STAGES)
    section.note("The same where ranks start cold:")
    section.stages([start.moments for start in results["cold"]], _STAGES)
    section.print()


def launcher(
    cluster: Embedded, program: str = "ddp.py", framework: str = "pytorch", **keys: Any
) -> Start:
    """A job of that program on a cluster at rest; `keys` are further keys of its spec."""
    await_rest(cluster)
    with marked_folder() as marks:
        options = ["--workers", str(WORKERS), "--gpus-per-worker", "0", "--framework", framework]
        options += [f"--set={key}={json.dumps(value)}" for key, value in keys.items()]
        begun = time.time()
        done = subprocess.run(
            [LAUNCHER, "submit", *options, "--", program, "--marks", str(marks.path)],
            cwd=PROGRAMS,
            capture_output=True,
            text=True,
            check=True,
        )
        job = done.stdout.strip()
        reached = {name: marks.last(name) for name in ("line", "step")}
        cluster.await_end(job)
        return _start(begun, {**cluster.moments(job), **reached})


def torchrun() -> Start:
    return by_hand(lambda marks: [Command(peers.torchrun("ddp.py", "--marks", str(marks.path)))])


def ray_job(head: peers.RayHead) -> Start:
    def commands(marks: MarkedFolder) -> list[Command]:
        words = head.job(PROGRAMS, "ray_train.py", str(marks.path))
        return [Command(words, head.environment)]

    return by_hand(commands)


def by_hand(commands: Callable[[MarkedFolder], Sequence[Command]]) -> Start:
    """What these start, until it has ended by itself."""
    with marked_folder() as marks, (marks.path / "output").open("w+") as output:
        begun = time.time()
        with peers.running(commands(marks), output) as processes:

            def ended() -> str | None:
                text = (marks.path / "output").read_text()
                return text[-2000:] if any(process.poll() for process in processes) else None

            reached = {name: marks.wait(name, failed=ended) for name in ("line", "step")}
            for process in processes:
                process.wait()
        return _start(
            begun, {name: max(mark.value for mark in found) for name, found in reached.items()}
        )


def _start(begun: float, moments: Mapping[str, float]) -> Start:
    return Start({name: moment - begun for name, moment in moments.items()})


def comparison(
    results: Mapping[str, list[Start]], lacks: str | None
) -> tuple[list[str], list[list[str]]]:
    own = [start.step for start in results["launcher"]]
    words = {
        "launcher": "`launcher submit`, warm start",
        "cold": "`launcher submit`, cold start",
        "torchrun": "torchrun",
        "Ray": "`ray job submit`",
    }
    rows = [
        [
            words[name] + " + Ray Train TorchTrainer" * (name == "Ray"),
            spread([start.moments["line"] for start in starts]),
            spread([start.step for start in starts]),
            "" if name == "launcher" else ratio(own, [start.step for start in starts]),
        ]
        for name, starts in results.items()
    ]
    if lacks:
        rows.append(["`ray job submit` + Ray Train", "", f"not measured: {lacks}", ""])
    return ["", "first line", "first step", "warm start's time ÷ its"], rows


if __name__ == "__main__":
    main()
