"""Steps a second of the same training under launcher and under torchrun, in slices in turn.

In torchrun's slices nothing of launcher and Ray is awake, in launcher's nothing of torchrun. With
one rank fewer than cores launcher's background has a core of its own, as on a real node; with as
many ranks as cores it has none.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import peers
from background import background
from embedded import Embedded, embedded
from marked import MarkedFolder, marked_folder
from measuring import Section, ratio, rounds_parser, say, spread
from peers import Command
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
    # torchrun sets this for more than one rank; launcher for one too, to `cpus_per_worker`.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    own, peer = measure(
        job(cluster, ranks, lambda marks: _program(marks, tell=tell)),
        by_hand(
            lambda marks: [
                Command(peers.torchrun(*_program(marks, tell=False), workers=ranks), environment)
            ],
            ranks,
        ),
        rounds=rounds,
        slice_s=slice_s,
    )
    words = "`report(step=…, loss=…)` each step" if tell else "silent"
    rates = [spread(peer, "steps/s"), spread(own, "steps/s"), ratio(own, peer)]
    return [str(ranks), words, *rates, in_all(own, peer)]


def measure(
    own: AbstractContextManager[Training],
    peer: AbstractContextManager[Training],
    *,
    rounds: int,
    slice_s: float,
) -> tuple[list[float], list[float]]:
    """Rates of launcher's slices and of its peer's, paired."""
    with peer as other, own as ours:
        time.sleep(WARM_UP_S)
        in_turn(ours, other, rounds=rounds, slice_s=slice_s)
        return ours.rates(), other.rates()


@contextmanager
def by_hand(
    commands: Callable[[MarkedFolder], Sequence[Command]], ranks: int
) -> Iterator[Training]:
    """An endless training that these start."""
    with marked_folder() as marks, peers.running(commands(marks)) as processes:

        def ended() -> str | None:
            codes = [process.poll() for process in processes]
            return f"it ended with {codes}" if any(code is not None for code in codes) else None

        marks.wait("steps", ranks=ranks, first=True, failed=ended)
        yield Training(marks, descendants(process.pid for process in processes), MARKED_STEPS)


@contextmanager
def job(
    cluster: Embedded, ranks: int, program: Callable[[MarkedFolder], Sequence[str]], **keys: Any
) -> Iterator[Training]:
    """An endless training as a job; with it sleep server, executor, Ray and its agent."""
    with marked_folder() as marks:
        submitted = cluster.submit(*program(marks), workers=ranks, **keys)
        pids = {mark.pid for mark in marks.wait("steps", ranks=ranks, first=True)}
        kept = {process for process, _ in background(cluster, min(pids))}
        yield Training(marks, kept | descendants(pids), MARKED_STEPS)
        cluster.end(submitted.id)


def _program(marks: MarkedFolder, *, tell: bool) -> list[str]:
    return ["ddp.py", "--marks", str(marks.path), "--endless", *(["--tell"] if tell else [])]


if __name__ == "__main__":
    main()
