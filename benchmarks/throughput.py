"""Steps a second of the same training under launcher and under torchrun, in slices in turn.

Both trainings live at once and only one is awake (SIGSTOP, SIGCONT): slices of seconds, since a
machine that others share too changes its pace within a minute by more than is to be measured. With
the training sleeps all that belongs to it: in torchrun's slices nothing of launcher and Ray is
awake, in launcher's nothing of torchrun. With one rank fewer than cores launcher's background has a
core of its own, as on a real node; with as many ranks as cores it has none.
"""

from __future__ import annotations

import bisect
import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import peers
from background import background
from embedded import PROGRAMS, Embedded, embedded
from marked import MarkedFolder, marked_folder
from measuring import Section, ratio, rounds_parser, say, spread

from launcher.clusters import _processes
from launcher.clusters._processes import Process

CORES = max(2, os.cpu_count() or 1)
MARKED_STEPS = 10
"""As in `programs/loop.py`, which needs torch."""
WARM_UP_S = 2.0
RESAMPLES, SEED = 2000, 0


@dataclass
class Training:
    """One of the two: its processes, and the moments that its first rank marks."""

    marks: MarkedFolder
    processes: set[Process]
    slices: list[tuple[float, float]] = field(default_factory=list)

    def awake(self, *, is_awake: bool) -> None:
        for process in self.processes:
            _processes.send(process, signal.SIGCONT if is_awake else signal.SIGSTOP)

    def rates(self) -> list[float]:
        """Steps a second of each slice."""
        moments = self.marks.all("steps")
        return [_rate(moments, begun, ended) for begun, ended in self.slices]


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
    return [str(ranks), words, *rates, _in_all(own, peer)]


def _in_all(own: Sequence[float], peer: Sequence[float]) -> str:
    """Ratio of the sums, with its interval: Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, percentiles of the resampled pairs.
    """
    pairs, chance = list(zip(own, peer, strict=True)), random.Random(SEED)
    drawn = [chance.choices(pairs, k=len(pairs)) for _ in range(RESAMPLES)]
    ratios = sorted(sum(o for o, _ in some) / sum(p for _, p in some) for some in drawn)
    low, high = ratios[RESAMPLES // 40], ratios[-(RESAMPLES // 40)]
    return f"{sum(own) / sum(peer):.3f} x ({low:.3f}-{high:.3f})"


def measure(
    cluster: Embedded, ranks: int, *, tell: bool, rounds: int, slice_s: float
) -> tuple[list[float], list[float]]:
    """Rates of launcher's slices and of torchrun's, paired."""
    with _torchrun(ranks) as peer, _job(cluster, ranks, tell=tell) as own:
        time.sleep(WARM_UP_S)
        try:
            for number in range(rounds):
                for awake in (own, peer) if number % 2 else (peer, own):
                    _one_slice(awake, peer if awake is own else own, slice_s)
        finally:
            own.awake(is_awake=True)
            peer.awake(is_awake=True)
        return own.rates(), peer.rates()


def _one_slice(awake: Training, asleep: Training, slice_s: float) -> None:
    asleep.awake(is_awake=False)
    awake.awake(is_awake=True)
    # From the first moment on: what fell due while launcher slept is done now, and counts.
    begun = time.time()
    time.sleep(slice_s)
    awake.slices.append((begun, time.time()))


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
            yield Training(marks, _descendants({running.pid}))
        finally:
            running.terminate()
            running.wait()


@contextlib.contextmanager
def _job(cluster: Embedded, ranks: int, *, tell: bool) -> Iterator[Training]:
    with marked_folder() as marks:
        job = cluster.submit(*_program(marks, tell=tell), workers=ranks)
        pids = {mark.pid for mark in marks.wait("steps", ranks=ranks, first=True)}
        kept = {process for process, _ in background(cluster, min(pids))}
        yield Training(marks, kept | _descendants(pids))
        cluster.end(job.id)


def _program(marks: MarkedFolder, *, tell: bool) -> list[str]:
    return ["ddp.py", "--marks", str(marks.path), "--endless", *(["--tell"] if tell else [])]


def _descendants(pids: set[int]) -> set[Process]:
    everyone = _processes.snapshot()
    roots = {one for pid, one in everyone.items() if pid in pids}
    return {one.process for one in _processes.with_descendants(roots, everyone)}


def _rate(moments: Sequence[float], begun: float, ended: float) -> float:
    """Between the first and the last mark in a slice.

    >>> _rate([0.0, 1.0, 1.5, 2.0, 9.0], 0.5, 3.0)
    20.0
    """
    inside = moments[bisect.bisect_left(moments, begun) : bisect.bisect_right(moments, ended)]
    if len(inside) < 2:
        return 0.0
    return MARKED_STEPS * (len(inside) - 1) / (inside[-1] - inside[0])


if __name__ == "__main__":
    main()
