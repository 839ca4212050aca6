"""How long each rank takes for a step: a series that nobody reports, out of when ranks report.

It stands among what agents measure, over time. A rank's steps are told by the series of which it
reported most; between two attempts there is no step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np

from launcher.model.sample import STEP_TIME, SYSTEM
from launcher.store.packing import Arrays
from launcher.store.reading import SeriesInfo
from launcher.store.samples import SampleReading

_LATEST = 2.0**62


class SystemReading:
    """What was measured of a job, and its step times; as `Reading` of what it reported.

    A series of step times has the id of the series that it comes from, below zero.
    """

    def __init__(self, samples: SampleReading) -> None:
        self._samples, self._reports = samples, samples.reports()

    def newest_batch(self) -> int:
        """The cursor behind the reports that are here."""
        return self._reports.newest_batch()

    def series(self, names: Collection[str] = ()) -> list[SeriesInfo]:
        """By name and rank; only those of these names, if any is given."""
        found = self._samples.series(names)
        if not names or STEP_TIME in names:
            found += step_series(self._reports.series())
        return sorted(found, key=lambda one: (one.name, one.rank))

    def history(self, series_id: int) -> dict[int, Arrays]:
        """All points of a series, by attempt."""
        if series_id >= 0:
            return self._samples.history(series_id)
        history = self._reports.history(-series_id)
        return {attempt: step_times(points) for attempt, points in history.items()}


def step_series(reported: Iterable[SeriesInfo]) -> list[SeriesInfo]:
    """Of each rank the step times, if it told more than one step. `source`: out of which series."""
    most: dict[int, SeriesInfo] = {}
    for one in reported:
        if one.rank not in most or one.count > most[one.rank].count:
            most[one.rank] = one
    return [
        replace(
            one,
            id=-one.id,
            name=STEP_TIME,
            kind=SYSTEM,
            count=one.count - 1,
            first_step=0,
            last_step=0,
            last_value=np.nan,
            source=one.name,
        )
        for one in most.values()
        if one.count > 1
    ]


def step_times(points: Arrays) -> Arrays:
    """Seconds of a step, each time the rank came to a later one.

    What is told of one step in several reports is one step; reports that go back tell none.
    """
    ahead = np.maximum.accumulate(points.steps) if len(points.steps) else points.steps
    is_later = np.ones(len(ahead), bool)
    is_later[1:] = ahead[1:] > ahead[:-1]
    steps, times = points.steps[is_later], points.times[is_later]
    with np.errstate(invalid="ignore", over="ignore"):
        seconds = np.diff(times) / np.diff(steps)
    kept = np.isfinite(seconds) & (seconds >= 0)
    at = times[1:][kept]
    return Arrays(at.clip(0, _LATEST).astype(np.int64), seconds[kept], at)
