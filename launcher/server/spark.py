"""The shape of a curve in a few numbers, kept up to date point by point as it grows. Pure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from launcher.store.packing import Arrays

MOST = 30
"""Points that a sparkline has at most."""


class Spark:
    """Means of the values in bins of steps that are all of the same width, a power of two.

    When there are too many, two and two become one. What is no number counts in no mean.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._width = 1
        self._bins: dict[int, tuple[float, int]] = {}
        """Step // width -> sum and number of its finite values."""
        self._attempt = 0

    def add(self, attempt: int, points: Arrays) -> None:
        """Points that follow, in any order.

        Those of a new attempt replace what earlier ones said of its steps and of later ones; what
        an earlier one says late is passed over.
        """
        if not len(points.steps) or attempt < self._attempt:
            return
        lowest, highest = int(points.steps.min()), int(points.steps.max())
        if attempt > self._attempt:
            self._attempt = attempt
            self._bins = {
                number: bin_ for number, bin_ in self._bins.items() if number * self._width < lowest
            }
        self._make_wider(lowest, highest, len(points.steps))
        finite = np.isfinite(points.values)
        numbers = points.steps // self._width
        found, place = np.unique(numbers, return_inverse=True)
        values: NDArray[np.float64] = np.where(finite, points.values, 0.0)
        sums = np.bincount(place, values).tolist()
        counts = np.bincount(place, finite).tolist()
        for number, total, count in zip(found.tolist(), sums, counts, strict=True):
            known_total, known_count = self._bins.get(number, (0.0, 0))
            self._bins[number] = (known_total + total, known_count + int(count))
        while len(self._bins) > self._most:
            self._merge()

    def line(self) -> tuple[list[int], list[float | None]]:
        """The first step of each bin, and its mean: None where no value is a number."""
        bins = sorted(self._bins.items())
        steps = [number * self._width for number, _ in bins]
        return steps, [_mean(total, count) for _, (total, count) in bins]

    def _make_wider(self, lowest: int, highest: int, count: int) -> None:
        """At once as wide as a long piece needs."""
        if count > self._most:
            while (highest - lowest) // self._width > self._most:
                self._merge()

    def _merge(self) -> None:
        self._width *= 2
        merged: dict[int, tuple[float, int]] = {}
        for number, (total, count) in self._bins.items():
            known_total, known_count = merged.get(number // 2, (0.0, 0))
            merged[number // 2] = (known_total + total, known_count + count)
        self._bins = merged


def _mean(total: float, count: int) -> float | None:
    mean = total / count if count else math.nan
    return mean if math.isfinite(mean) else None  # a sum of finite ones may be infinite
