"""Short words for numbers, times and jobs, the same in every command."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from itertools import pairwise

from launcher.units import format_duration, format_size, rounded
from launcher.views import AttemptView, JobView, OutputCount, ProgressView
from launcher.words import gang, number

__all__ = ["gang", "number"]  # of commands and pages alike; the others are of commands

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Iterable[float], width: int = 12) -> str:
    """A whole curve in one line; each sign is the mean of an equal share of its numbers.

    >>> sparkline([4, 2, 1, 0.5]), sparkline([1, 1, 3, 3], width=2)
    ('█▄▂▁', '▁█')
    """
    finite = [value for value in values if math.isfinite(value)]
    count = min(width, len(finite))
    edges = [len(finite) * part // count for part in range(count + 1)] if count else []
    means = [sum(finite[begin:end]) / (end - begin) for begin, end in pairwise(edges)]
    low, high = min(means, default=0.0), max(means, default=0.0)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((mean - low) * scale)] for mean in means)


def standing(position: int | None, starts_at: float | None, now: float) -> str:
    """Where a job stands in the queue, before the reason why it waits.

    >>> standing(3, 2500.0, now=100.0), standing(3, None, now=100.0), standing(None, None, 0.0)
    ('#3, starts in about 40m: ', '#3: ', '')
    """
    if position is None:
        return ""
    when = f", starts in about {about(starts_at, now)}" if starts_at is not None else ""
    return f"#{position}{when}: "


def about(moment: float | None, now: float) -> str:
    """How long until then, in one unit: more nobody can foresee.

    >>> about(100.0 + 5400, now=100.0), about(100.0 + 3 * 86400, 100.0), about(None, 0.0)
    ('90m', '3d', '')
    """
    if moment is None:
        return ""
    return rounded(max(moment - now, 0.0))


def ago(then: float | None, now: float) -> str:
    """How long ago, without guessing about clocks that differ a little."""
    return "-" if then is None else format_duration(max(now - then, 0.0) // 1)


def clock_time(moment: float) -> str:
    """Local time; with the date when it is not today.

    >>> len(clock_time(0.0))
    19
    """
    local = time.localtime(moment)
    today = time.localtime()[:3] == local[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", local)


def steps(progress: ProgressView | None) -> str:
    """How far a job is.

    >>> steps(ProgressView(120, 500)), steps(ProgressView(7)), steps(None)
    ('120/500 24%', 'step 7', '-')
    """
    if progress is None:
        return "-"
    if not progress.total_steps:
        return f"step {progress.step}"
    part = min(progress.step / progress.total_steps, 1.0)
    return f"{progress.step}/{progress.total_steps} {part:.0%}"


def metric_order(names: Iterable[str]) -> list[str]:
    """Losses first, then as they came.

    >>> metric_order(["lr", "val_acc", "loss"])
    ['loss', 'lr', 'val_acc']
    """
    return sorted(names, key=lambda name: "loss" not in name.lower())


def latest(job: JobView, limit: int = 3) -> str:
    """The newest values in one line.

    >>> latest(JobView("a-1", "a", "RUNNING", latest={"acc": 0.98, "loss": 0.123456}))
    'loss 0.1235  acc 0.98'
    """
    chosen = metric_order(job.latest)[:limit]
    return "  ".join(f"{name} {number(job.latest[name])}" for name in chosen)


def outputs(count: OutputCount) -> str:
    """How much a job left.

    >>> outputs(OutputCount(3, 2048))
    '3 files, 2 KiB'
    """
    return f"{plural(count.files, 'file')}, {format_size(count.size)}"


def attempt_words(attempt: AttemptView) -> str:
    """One line about an attempt.

    >>> attempt_words(AttemptView(1, ending="NODE_LOST", words="node-b was lost"))
    'NODE_LOST: node-b was lost'
    """
    if attempt.ending:
        return f"{attempt.ending}: {attempt.words}" if attempt.words else attempt.ending
    if attempt.started_at is None:
        return "is starting"
    return "runs"


def exit_words(code: int) -> str:
    """What an exit code means.

    >>> exit_words(3), exit_words(-9)
    ('exit code 3', 'signal SIGKILL')
    """
    if code >= 0:
        return f"exit code {code}"
    import signal

    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "rank"), plural(2, "rank")
    ('1 rank', '2 ranks')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def removed(job: JobView, kind: str) -> str:
    """That retention removed these of a job, and when; empty when it did not."""
    for one in job.expired:
        if one.kind == kind:
            size = format_size(one.size)
            return f"its {kind} ({size}) were removed by retention on {clock_time(one.at)}"
    return ""
