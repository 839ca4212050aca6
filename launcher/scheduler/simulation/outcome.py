"""What a history came to: waits, slowdowns and how well the GPUs were used.

The first jobs find an empty cluster; they run, but are not measured. What is used of the GPUs is
measured from the first measured job's submission to the last submission of all: later the queue
runs empty, whatever the policy.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from launcher.scheduler.simulation.loop import History, Stretch
from launcher.scheduler.simulation.workload import Submission
from launcher.scheduler.state import NodeView

WARM_UP = 0.05
"""The share of the jobs that are not measured."""
_SHORTEST_S = 10.0
"""A bounded slowdown takes no job for shorter: a wait of a second is nothing to suffer from."""
_HOUR_S = 3600.0


@dataclass(frozen=True)
class Fate:
    """What became of one job. Seconds; endless if it never ran."""

    job: Submission
    wait_s: float
    """In the queue in all, so also after a preemption."""
    took_s: float
    """From its submission to its end."""

    @property
    def slowdown(self) -> float:
        """Bounded: so many times longer than alone on the cluster."""
        return max(1.0, self.took_s / max(self.job.runs_s, _SHORTEST_S))


@dataclass(frozen=True)
class Waits:
    """What some jobs went through. Seconds; a job that never ran counts as an endless wait."""

    jobs: int
    mean_s: float
    p95_s: float
    p99_s: float
    longest_s: float
    slowdown_p95: float
    """95th percentile of the bounded slowdown."""


@dataclass(frozen=True)
class Outcome:
    """Of one policy under one load."""

    used: float
    """Share of the GPU time, in the window, whose work was kept."""
    waits: Waits
    by_kind: dict[str, Waits]
    """By class of service, the one of most jobs first."""
    preemptions: int
    lost_gpu_h: float
    """Held by attempts that were preempted, without what they had saved."""
    never_ran: int
    empty_after_s: float
    """From the first submission to the last end."""


@dataclass(frozen=True)
class Window:
    """What is measured. Seconds of the simulation's clock."""

    begins_at: float
    ends_at: float

    @property
    def lasts_s(self) -> float:
        return self.ends_at - self.begins_at

    def part_of(self, begun_at: float, ended_at: float) -> float:
        """Seconds of a time that lie within."""
        return max(0.0, min(ended_at, self.ends_at) - max(begun_at, self.begins_at))


def window_of(jobs: Sequence[Submission], warm_up: float = WARM_UP) -> Window:
    """From the first measured submission to the last of all."""
    times = sorted(job.submitted_at for job in jobs)
    return Window(times[min(int(len(times) * warm_up), len(times) - 1)], times[-1])


def demand(jobs: Sequence[Submission], nodes: Iterable[NodeView], window: Window) -> float:
    """The part of the GPU time in the window that the jobs would use if nobody ever waited."""
    wanted = sum(
        job.gpus * window.part_of(job.submitted_at, job.submitted_at + job.runs_s) for job in jobs
    )
    return _share(wanted, _gpus(nodes) * window.lasts_s)


def outcome(history: History, nodes: Sequence[NodeView], window: Window) -> Outcome:
    """The figures of one run."""
    measured = fates(history, window)
    kinds: dict[str, list[Fate]] = defaultdict(list)
    for fate in measured:
        kinds[fate.job.kind].append(fate)
    begun_at = min(job.submitted_at for job in history.jobs)
    ended_at = max((stretch.ended_at for stretch in history.stretches), default=begun_at)
    by_kind = sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0]))
    return Outcome(
        used=used(history.stretches, nodes, window),
        waits=_waits(measured),
        by_kind={kind: _waits(those) for kind, those in by_kind},
        preemptions=sum(stretch.was_preempted for stretch in history.stretches),
        lost_gpu_h=sum(
            stretch.job.gpus * (stretch.held_s - stretch.kept_s) for stretch in history.stretches
        )
        / _HOUR_S,
        never_ran=len(history.never_ran),
        empty_after_s=ended_at - begun_at,
    )


def used(stretches: Iterable[Stretch], nodes: Iterable[NodeView], window: Window) -> float:
    """Share of the GPU time in the window whose work was kept."""
    kept = sum(
        stretch.job.gpus * window.part_of(stretch.begun_at, stretch.begun_at + stretch.kept_s)
        for stretch in stretches
    )
    return _share(kept, _gpus(nodes) * window.lasts_s)


def fates(history: History, window: Window) -> list[Fate]:
    """Of the measured jobs."""
    held: dict[str, float] = defaultdict(float)
    ended: dict[str, float] = {}
    for stretch in history.stretches:
        held[stretch.job.job_id] += stretch.held_s
        ended[stretch.job.job_id] = stretch.ended_at
    ended |= dict.fromkeys(history.never_ran, math.inf)
    found = []
    for job in history.jobs:
        if job.submitted_at >= window.begins_at:
            took_s = ended[job.job_id] - job.submitted_at
            found.append(Fate(job, max(0.0, took_s - held[job.job_id]), took_s))
    return found


def held_over_time(stretches: Iterable[Stretch]) -> list[tuple[float, int]]:
    """GPUs held from each moment at which their number changed."""
    changes: dict[float, int] = defaultdict(int)
    for stretch in stretches:
        changes[stretch.begun_at] += stretch.job.gpus
        changes[stretch.ended_at] -= stretch.job.gpus
    times = sorted(changes)
    return list(zip(times, accumulate(changes[time] for time in times), strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that so large a share of them do not exceed.

    >>> percentile([4, 1, 3, 2], 0.5), percentile([4, 1, 3, 2], 0.95)
    (2, 4)
    """
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


def _waits(found: Sequence[Fate]) -> Waits:
    waits = [fate.wait_s for fate in found]
    return Waits(
        jobs=len(waits),
        mean_s=sum(waits) / len(waits),
        p95_s=percentile(waits, 0.95),
        p99_s=percentile(waits, 0.99),
        longest_s=max(waits),
        slowdown_p95=percentile([fate.slowdown for fate in found], 0.95),
    )


def _gpus(nodes: Iterable[NodeView]) -> float:
    return sum(node.total["GPU"] for node in nodes)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
