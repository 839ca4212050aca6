"""Steps a second of the same training under launcher and under torchrun.

Nothing of launcher runs beside torchrun: server and Ray are started for launcher's turn and ended
after it. What they cost while a job runs is so in launcher's figure alone.
"""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Callable
from functools import partial

import peers
from embedded import PROGRAMS, Embedded, embedded
from marked import marked_folder
from measuring import Section, interleaved, ratio, rounds_parser, say, spread


def main() -> None:
    parser = rounds_parser(__doc__)
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="of each run; default: %(default)s"
    )
    args = parser.parse_args()
    section = Section("Steps a second, 2 ranks", rounds=args.rounds)
    variants: dict[str, Callable[[], tuple[float, ...]]] = {
        "torchrun": partial(torchrun, args.seconds),
        "launcher": partial(launcher, args.seconds),
    }
    results = interleaved(args.rounds, variants)
    silent, telling = ([rates[n] for rates in results["launcher"]] for n in (0, 1))
    plain = [rate for (rate,) in results["torchrun"]]
    costs = [(1 / told - 1 / quiet) * 1e6 for quiet, told in zip(silent, telling, strict=True)]
    section.table(
        ["", "rate", "÷ torchrun"],
        [
            ["torchrun", spread(plain, "steps/s"), ""],
            ["launcher", spread(silent, "steps/s"), ratio(silent, plain)],
            [
                "launcher, `report(step=…, loss=…)` each step",
                spread(telling, "steps/s"),
                ratio(telling, plain),
            ],
        ],
    )
    section.note(
        f"A `report` each step costs {statistics.median(costs):.0f} µs a step, which includes "
        "the loss leaving its tensor and the agent that ships the points beside the ranks."
    )
    section.print()


def torchrun(seconds: float) -> tuple[float]:
    with marked_folder() as marks:
        subprocess.run(
            peers.torchrun("ddp.py", "--marks", str(marks.path), "--seconds", str(seconds)),
            cwd=PROGRAMS,
            capture_output=True,
            check=True,
        )
        return (marks.wait("rate")[0].value,)


def launcher(seconds: float) -> tuple[float, float]:
    """Without and with reports."""
    with embedded() as cluster:
        silent = _job_rate(cluster, seconds)
        say("with reports")
        return silent, _job_rate(cluster, seconds, "--tell")


def _job_rate(cluster: Embedded, seconds: float, *more: str) -> float:
    with marked_folder() as marks:
        options = ["--marks", str(marks.path), "--seconds", str(seconds), *more]
        cluster.await_end(cluster.submit("ddp.py", *options).id)
        return marks.wait("rate")[0].value


if __name__ == "__main__":
    main()
