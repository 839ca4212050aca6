"""A series in a few figures, for who compares jobs and needs no curves. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from launcher.server.curve import stitch
from launcher.server.showing import number
from launcher.store.packing import Arrays
from launcher.store.reading import SeriesInfo
from launcher.views_curves import SummaryView


def summary_of(series: SeriesInfo, history: Mapping[int, Arrays]) -> SummaryView:
    """All attempts of the series as one curve. What is no number counts only as the last value."""
    curve = stitch(history)
    finite = curve.values[np.isfinite(curve.values)]
    times = curve.times[np.isfinite(curve.times)]
    return SummaryView(
        series.name,
        series.rank,
        len(curve.steps),
        float(times.min()) if len(times) else None,
        number(float(curve.values[-1])) if len(curve.values) else None,
        float(finite.min()) if len(finite) else None,
        float(finite.max()) if len(finite) else None,
        float(np.median(finite)) if len(finite) else None,
        _steps_per_s(history),
    )


def _steps_per_s(history: Mapping[int, Arrays]) -> float | None:
    """Median over the reports, each by the time since the one before of its attempt."""
    rates: list[NDArray[np.float64]] = []
    for points in history.values():
        steps, seconds = np.diff(points.steps), np.diff(points.times)
        ahead = (steps > 0) & (seconds > 0) & np.isfinite(seconds)
        rates.append(steps[ahead] / seconds[ahead])
    every = np.concatenate(rates) if rates else np.empty(0)
    return float(np.median(every)) if len(every) else None
