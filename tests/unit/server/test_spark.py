"""Sparklines grow point by point."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from launcher.server.spark import MOST, Spark
from launcher.store.packing import Arrays


def points(steps: list[int], value: float = 1.0) -> Arrays:
    count = len(steps)
    return Arrays(np.array(steps, np.int64), np.full(count, value), np.zeros(count))


def test_few_points_are_shown_as_they_are() -> None:
    spark = Spark()
    spark.add(1, points([0, 1000, 2000], 3.0))
    assert spark.line() == ([0, 1000, 2000], [3.0, 3.0, 3.0])


@given(pieces=st.lists(st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 500), max_size=80)))
def test_a_line_has_few_points_however_it_grew(pieces: list[list[int]]) -> None:
    spark = Spark()
    for piece in pieces:
        spark.add(1, points(piece))
    xs, ys = spark.line()
    assert len(xs) <= MOST
    assert xs == sorted(xs)
    assert set(ys) <= {1.0}
    assert bool(xs) == any(pieces)


def test_a_long_line_keeps_its_shape() -> None:
    spark = Spark()
    for first in range(0, 100_000, 1000):
        own = np.arange(first, first + 1000)
        spark.add(1, Arrays(own, own.astype(float), np.zeros(1000)))
    xs, ys = spark.line()
    assert 15 <= len(xs) <= MOST
    assert all(y is not None and abs(y - x) < 100_000 / 15 for x, y in zip(xs, ys, strict=True))


def test_a_later_attempt_replaces_what_the_one_before_said_of_its_steps() -> None:
    spark = Spark()
    spark.add(1, points([1, 2, 3], 1.0))
    spark.add(2, points([2], 9.0))
    spark.add(1, points([3], 1.0))
    assert spark.line() == ([1, 2], [1.0, 9.0])


def test_what_is_no_number_leaves_a_gap() -> None:
    spark = Spark()
    spark.add(1, points([1], 1.0))
    spark.add(1, points([2], math.nan))
    assert spark.line() == ([1, 2], [1.0, None])
