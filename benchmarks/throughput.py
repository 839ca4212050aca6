"""Steps a second of the same training under launcher and under torchrun.

Nothing of launcher runs beside torchrun: server and Ray are started for launcher's turn and ended
after it. What they cost while a job runs is so in launcher's figure alone. With one rank fewer than
cores they have a core of their own, as on a real node; with as many ranks as cores they have none.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from functools import partial

import peers
from embedded import PROGRAMS, Embedded, embedded
from marked import marked_folder
from measuring import Section, interleaved, ratio, rounds_parser, say, spread

CORES = max(2, os.cpu_count() or 1)

Rates = dict[tuple[int, bool], float]
"""Steps a second by the number of ranks, and whether they report each step."""


def main() -> None:
    parser = rounds_parser(__doc__)
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="of each run; default: %(default)s"
    )
    args = parser.parse_args()
    section = Section(f"Steps a second, {CORES} cores", rounds=args.rounds)
    results = interleaved(
        args.rounds,
        {"torchrun": partial(torchrun, args.seconds), "launcher": partial(launcher, args.seconds)},
    )
    section.table(["ranks", "", "rate", "÷ torchrun"], list(_rows(results)))
    section.print()


def _rows(results: Mapping[str, list[Rates]]) -> Iterator[list[str]]:
    for ranks in (CORES - 1, CORES):
        plain, silent, telling = (
            [rates[ranks, tell] for rates in results[who]]
            for who, tell in (("torchrun", False), ("launcher", False), ("launcher", True))
        )
        told = "launcher, `report(step=…, loss=…)` each step"
        yield [str(ranks), "torchrun", spread(plain, "steps/s"), ""]
        yield ["", "launcher", spread(silent, "steps/s"), ratio(silent, plain)]
        yield ["", told, spread(telling, "steps/s"), ratio(telling, plain)]


def torchrun(seconds: float) -> Rates:
    return {(ranks, False): _torchrun_rate(ranks, seconds) for ranks in (CORES - 1, CORES)}


def launcher(seconds: float) -> Rates:
    with embedded() as cluster:
        return {
            (ranks, tell): _job_rate(cluster, ranks, seconds, tell=tell)
            for ranks in (CORES - 1, CORES)
            for tell in (False, True)
        }


def _torchrun_rate(ranks: int, seconds: float) -> float:
    with marked_folder() as marks:
        options = ["--marks", str(marks.path), "--seconds", str(seconds)]
        subprocess.run(
            peers.torchrun("ddp.py", *options, workers=ranks),
            cwd=PROGRAMS,
            capture_output=True,
            check=True,
        )
        return marks.wait("rate", ranks=ranks)[0].value


def _job_rate(cluster: Embedded, ranks: int, seconds: float, *, tell: bool) -> float:
    say(f"{ranks} ranks{', with reports' if tell else ''}")
    with marked_folder() as marks:
        options = ["--marks", str(marks.path), "--seconds", str(seconds)]
        options += ["--tell"] if tell else []
        cluster.await_end(cluster.submit("ddp.py", *options, workers=ranks).id)
        return marks.wait("rate", ranks=ranks)[0].value


if __name__ == "__main__":
    main()
