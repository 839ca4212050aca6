"""Wall time of `launcher attach` to a Ray cluster that runs, and of `launcher detach`.

A head on this machine with a dashboard, of an environment that has Ray alone: nothing of launcher
is there, all of it travels with the attach.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import peers
from embedded import LAUNCHER, embedded
from measuring import Section, add_ray_option, interleaved, rounds_parser, spread

GOAL_S = 10
NAME = "benchmark"


def main() -> None:
    parser = rounds_parser(__doc__)
    add_ray_option(parser)
    args = parser.parse_args()
    section = Section("Attaching a cluster that runs", rounds=args.rounds)
    lacking = peers.missing(args.ray_python)
    if lacking:
        section.note(f"Not measured: {lacking}")
        section.print()
        return
    with embedded(), peers.ray_head(args.ray_python) as head:
        os.environ["RAY_AUTH_TOKEN"] = head.environment["RAY_AUTH_TOKEN"]
        attach = ["attach", head.url, "--name", NAME]
        results = interleaved(
            args.rounds, {"attach": lambda: _run(*attach), "detach": lambda: _run("detach", NAME)}
        )
    goals = {"attach": f"≤ {GOAL_S} s"}
    section.table(
        ["command", "wall", "goal"],
        [
            [f"`launcher {name}`", spread(took), goals.get(name, "")]
            for name, took in results.items()
        ],
    )
    section.note("A cluster counts as attached when its executor has reported its nodes.")
    section.print()


def _run(*words: str) -> float:
    """Seconds from the spawn to the end."""
    begun = time.perf_counter()
    done = subprocess.run([LAUNCHER, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"launcher {words[0]}: {done.stderr}")
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
