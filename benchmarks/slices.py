"""Two trainings that live at once, of which one is awake (SIGSTOP, SIGCONT), in slices in turn.

A machine that others share changes its pace within a minute by more than is to be measured; slices
of seconds in pairs see the same machine. With a training sleeps all that belongs to it.
"""

from __future__ import annotations

import bisect
import random
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from marked import MarkedFolder

from launcher.clusters import _processes
from launcher.clusters._processes import Process

RESAMPLES, SEED = 2000, 0


@dataclass
class Training:
    """One of the two: its processes, and the moments that its first rank marks as `steps`.

    Args:
        unit: steps between two marks.
    """

    marks: MarkedFolder
    processes: set[Process]
    unit: int
    slices: list[tuple[float, float]] = field(default_factory=list)

    def awake(self, *, is_awake: bool) -> None:
        for process in self.processes:
            _processes.send(process, signal.SIGCONT if is_awake else signal.SIGSTOP)

    def rates(self) -> list[float]:
        """Steps a second of each slice."""
        moments = self.marks.all("steps")
        return [self.unit * _rate(moments, begun, ended) for begun, ended in self.slices]


def in_turn(own: Training, peer: Training, *, rounds: int, slice_s: float) -> None:
    """Let each have so many slices; at the end both are awake."""
    try:
        for number in range(rounds):
            for awake in (own, peer) if number % 2 else (peer, own):
                _one_slice(awake, peer if awake is own else own, slice_s)
    finally:
        own.awake(is_awake=True)
        peer.awake(is_awake=True)


def in_all(own: Sequence[float], peer: Sequence[float]) -> str:
    """Ratio of the sums, with its interval: Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, percentiles of the resampled pairs.
    """
    pairs, chance = list(zip(own, peer, strict=True)), random.Random(SEED)
    drawn = [chance.choices(pairs, k=len(pairs)) for _ in range(RESAMPLES)]
    ratios = sorted(sum(o for o, _ in some) / sum(p for _, p in some) for some in drawn)
    low, high = ratios[RESAMPLES // 40], ratios[-(RESAMPLES // 40)]
    return f"{sum(own) / sum(peer):.3f} x ({low:.3f}-{high:.3f})"


def descendants(pids: Iterable[int]) -> set[Process]:
    """These processes and all that they started."""
    wanted, everyone = set(pids), _processes.snapshot()
    roots = {one for pid, one in everyone.items() if pid in wanted}
    return {one.process for one in _processes.with_descendants(roots, everyone)}


def _one_slice(awake: Training, asleep: Training, slice_s: float) -> None:
    asleep.awake(is_awake=False)
    awake.awake(is_awake=True)
    # From the first moment on: what fell due while it slept is done now, and counts.
    begun = time.time()
    time.sleep(slice_s)
    awake.slices.append((begun, time.time()))


def _rate(moments: Sequence[float], begun: float, ended: float) -> float:
    """Marks a second, between the first and the last one in a slice.

    >>> _rate([0.0, 1.0, 1.5, 2.0, 9.0], 0.5, 3.0)
    2.0
    """
    inside = moments[bisect.bisect_left(moments, begun) : bisect.bisect_right(moments, ended)]
    if len(inside) < 2:
        return 0.0
    return (len(inside) - 1) / (inside[-1] - inside[0])
