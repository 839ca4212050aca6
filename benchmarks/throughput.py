"""Steps a second of the same training under launcher and under torchrun, in slices in turn.

In torchrun's slices nothing of launcher and Ray is awake, in launcher's nothing of torchrun. With
one rank fewer than cores launcher's background has a core of its own, as on a real node; with as
many ranks as cores it has none.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator

import peers
from background import background
from embedded import PROGRAMS, Embedded, embedded
from marked import MarkedFolder, marked_folder
from measuring import Section, ratio, rounds_parser, say, spread
from slices import Training, descendants, in_all, in_turn

CORES = max(2, os.cpu_count() or 1)
MARKED_STEPS = 10
"""As in `programs/loop.py`, which needs torch."""
WARM_UP_S = 2.0


def main() -> None:
    parser = rounds_parser(__doc__, default=30)
    parser.add_argument("--slice", type=float, default=1.5, help="seconds; default: %(default)s")
    args = parser.parse_args()
    section = Section(f"Steps a second, {CORES} cores", rounds=args.rounds)
    rows = []
    with embedded() as cluster:
        for ranks in (CORES - 1, CORES):
            for tell in (False, True):
                say(f"{ranks} ranks{', with reports' if tell else ''}")
                rows.append(_row(cluster, ranks, tell, args.rounds, args.slice))
    section.table(["ranks", "", "torchrun", "launcher", "÷ torchrun", "in all (95 %)"], rows)
    section.note(
        f"A round is a slice of {args.slice:g} s of each. In all: all steps of one side against "
        "all of the other, which a slow second moves least, and where 95 of 100 resamples of the "
        "pairs lie (bootstrap)."
    )
    section.print()


def _row(cluster: Embedded, ranks: int, tell: bool, rounds: int, slice_s: float) -> list[str]:
    own, peer = measure(cluster, ranks, tell=tell, rounds=rounds, slice_s=slice_s)
    words = "`report(step=…, loss=…)` each step" if tell else "silent"
    rates = [spread(peer, "steps/s"), spread(own, "steps/s"), ratio(own, peer)]
    return [str(ranks), words, *rates, in_all(own, peer)]


def measure(
    cluster: Embedded, ranks: int, *, tell: bool, rounds: int, slice_s: float
) -> tuple[list[float], list[float]]:
    """Rates of launcher's slices and of torchrun's, paired."""
    with _torchrun(ranks) as peer, _job(cluster, ranks, tell=tell) as own:
        time.sleep(WARM_UP_S)
        in_turn(own, peer, rounds=rounds, slice_s=slice_s)
        return own.rates(), peer.rates()


@contextlib.contextmanager
def _torchrun(ranks: int) -> Iterator[Training]:
    with marked_folder() as marks:
        command = peers.torchrun(*_program(marks, tell=False), workers=ranks)
        # torchrun sets this for more than one rank; launcher for one too, to `cpus_per_worker`.
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        running = subprocess.Popen(
            command,
            cwd=PROGRAMS,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            marks.wait("steps", ranks=ranks, first=True)
            yield Training(marks, descendants([running.pid]), MARKED_STEPS)
        finally:
            running.terminate()
            running.wait()


@contextlib.contextmanager
def _job(cluster: Embedded, ranks: int, *, tell: bool) -> Iterator[Training]:
    with marked_folder() as marks:
        job = cluster.submit(*_program(marks, tell=tell), workers=ranks)
        pids = {mark.pid for mark in marks.wait("steps", ranks=ranks, first=True)}
        kept = {process for process, _ in background(cluster, min(pids))}
        yield Training(marks, kept | descendants(pids), MARKED_STEPS)
        cluster.end(job.id)


def _program(marks: MarkedFolder, *, tell: bool) -> list[str]:
    return ["ddp.py", "--marks", str(marks.path), "--endless", *(["--tell"] if tell else [])]


if __name__ == "__main__":
    main()
