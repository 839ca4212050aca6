"""What several jobs cost and gave, as rows of words. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from launcher.spec.again import differences
from launcher.units import format_duration, format_size
from launcher.views import JobView
from launcher.views_curves import SummaryView
from launcher.words import gang, number

NOTHING = "-"
_PEAKS_LOW = re.compile(r"loss|error|(?<![a-z])(err|mae|mse|rmse|ppl|perplexity|wer|cer)(?![a-z])")
"""Names of metrics of which the lowest value is the best."""
_ONCE = frozenset({"parameters", "params", "num_parameters", "n_parameters"})
"""Metrics by which a program tells how many parameters its model has."""
_RATES = frozenset({"samples_per_s", "samples_per_sec", "samples_per_second", "samples/s"})
_OWN_KEYS = frozenset({"name", "workdir", "framework"})
"""Keys of a spec of which every job has its own, or that stand above anyway."""


@dataclass(frozen=True)
class Compared:
    """A job with what is needed to compare it. `lines`: of its program; None: not known.

    `summaries`: one a name. Figures that are not known in them are told of no job.
    """

    job: JobView
    summaries: tuple[SummaryView, ...]
    lines: int | None = None

    def summary(self, name: str) -> SummaryView | None:
        return next((one for one in self.summaries if one.name == name and one.count), None)


Row = tuple[str, list[str]]
"""What it is, and its words for each job."""


def rows(compared: Sequence[Compared]) -> list[Row]:
    """Everything worth comparing, without what none of them has."""
    facts: list[tuple[str, Callable[[Compared], str]]] = [
        ("state", lambda one: one.job.state),
        ("framework", lambda one: one.job.framework),
        ("takes", lambda one: gang(one.job)),
        ("wall time", lambda one: _seconds(wall_s(one.job))),
        ("to first step", lambda one: _seconds(first_step_s(one))),
        ("steps/s", lambda one: _number(steps_per_s(one))),
        ("samples/s", lambda one: _number(_typical(one, _RATES))),
        ("peak memory", lambda one: _size(peak_memory(one.job))),
        ("parameters", lambda one: _whole(_last(one, _ONCE))),
        ("program lines", lambda one: NOTHING if one.lines is None else str(one.lines)),
    ]
    facts += [(name, _metric(name)) for name in metrics(compared)]
    found = [(words, [fact(one) for one in compared]) for words, fact in facts]
    return [
        (words, cells)
        for words, cells in [*found, *_other_keys([one.job.spec or {} for one in compared])]
        if any(cell != NOTHING for cell in cells)
    ]


def metrics(compared: Sequence[Compared]) -> list[str]:
    """Names of series, those that most jobs have first."""
    names = [summary.name for one in compared for summary in one.summaries if summary.count]
    counts = {
        name: sum(one.summary(name) is not None for one in compared)
        for name in dict.fromkeys(names)
        if name not in _ONCE | _RATES
    }
    return sorted(counts, key=lambda name: -counts[name])


def wall_s(job: JobView) -> float | None:
    """From the first start of its ranks to its end; its attempts' pauses included."""
    starts = [attempt.started_at for attempt in job.attempts if attempt.started_at]
    ends = [attempt.ended_at for attempt in job.attempts if attempt.ended_at]
    return max(ends) - min(starts) if starts and ends and job.is_over else None


def first_step_s(one: Compared) -> float | None:
    """From the grant of its resources to the first point that it reported."""
    granted = [attempt.granted_at for attempt in one.job.attempts if attempt.granted_at]
    moments = [each.first_at for each in one.summaries if each.first_at is not None]
    return max(min(moments) - min(granted), 0.0) if granted and moments else None


def steps_per_s(one: Compared) -> float | None:
    """Median over the reports of what it reports most; without enough: as the server counts it."""
    most = max(one.summaries, key=lambda summary: summary.count, default=None)
    if most is not None and most.steps_per_s is not None:
        return most.steps_per_s
    return one.job.progress.steps_per_s if one.job.progress else None


def peak_memory(job: JobView) -> int:
    """Bytes of the rank that had most, in any attempt."""
    return max((end.peak_memory for one in job.attempts for end in one.exits), default=0)


def best(summary: SummaryView) -> float | None:
    """The lowest of a loss or an error, else the highest.

    >>> best(SummaryView("val_loss", 0, lowest=1.0, highest=3.0))
    1.0
    >>> best(SummaryView("accuracy", 0, lowest=0.5, highest=0.9))
    0.9
    """
    return summary.lowest if _PEAKS_LOW.search(summary.name.lower()) else summary.highest


def _metric(name: str) -> Callable[[Compared], str]:
    def words(one: Compared) -> str:
        summary = one.summary(name)
        if summary is None or summary.last is None:
            return NOTHING
        last, top = float(summary.last), best(summary)
        more = f" (best {number(top)})" if top is not None and top != last else ""
        return f"{number(last)}{more}"

    return words


def _other_keys(specs: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    """Keys of the specs of which not all have the same value."""
    first, *others = specs
    changes = [
        {change.key: change for change in differences(first, other) if change.key not in _OWN_KEYS}
        for other in others
    ]
    for key in dict.fromkeys(key for found in changes for key in found):
        before = next(found[key].before for found in changes if key in found)
        yield key, [before, *(found[key].after if key in found else before for found in changes)]


def _last(one: Compared, names: frozenset[str]) -> float | None:
    values = [float(each.last) for each in one.summaries if each.name in names and each.count]
    return values[0] if values else None


def _typical(one: Compared, names: frozenset[str]) -> float | None:
    values = [each.median for each in one.summaries if each.name in names]
    return next((value for value in values if value is not None), None)


def _seconds(value: float | None) -> str:
    return NOTHING if value is None else format_duration(round(value, 1))


def _number(value: float | None) -> str:
    return NOTHING if value is None else number(value)


def _whole(value: float | None) -> str:
    return NOTHING if value is None or not math.isfinite(value) else f"{value:,.0f}"


def _size(value: int) -> str:
    return format_size(value) if value else NOTHING
