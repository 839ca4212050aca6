"""Stitching and thinning of curves, held against what they mean."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.model import metric
from launcher.model.metric import MetricPoint
from launcher.server.curve import View, by_time, draw, edges, stitch
from launcher.store.packing import STEPS, Arrays

STEP = st.integers(-20, 20) | st.integers(STEPS.start, STEPS.stop - 1)
VALUE = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0])
ATTEMPTS = st.dictionaries(
    st.integers(1, 5),
    st.lists(st.tuples(STEP, VALUE, st.integers(0, 30).map(float)), min_size=1, max_size=20),
    max_size=4,
)
NUMBERS = st.lists(VALUE, min_size=1, max_size=120)


def arrays(points: list[tuple[int, float, float]]) -> Arrays:
    steps, values, times = zip(*points, strict=True) if points else ((), (), ())
    return Arrays(np.array(steps, np.int64), np.array(values, float), np.array(times, float))


def shown(value: float) -> object:
    return "nan" if math.isnan(value) else value


@given(attempts=ATTEMPTS)
def test_stitching_arrays_is_stitching_points(
    attempts: dict[int, list[tuple[int, float, float]]],
) -> None:
    points = [
        MetricPoint("loss", step, value, time, attempt, 0)
        for attempt, own in attempts.items()
        for step, value, time in own
    ]
    meant = [(one.step, shown(one.value), one.time) for one in metric.stitch(points)]
    made = stitch({attempt: arrays(own) for attempt, own in attempts.items()})
    values = map(shown, made.values.tolist())
    assert list(zip(made.steps.tolist(), values, made.times.tolist(), strict=True)) == meant


def curve_of(ys: list[float], gaps: list[int]) -> tuple[np.ndarray, np.ndarray]:
    xs = np.cumsum(np.array([gaps[index % len(gaps)] for index in range(len(ys))], np.int64))
    return xs, np.array(ys, float)


@given(
    ys=NUMBERS,
    gaps=st.lists(st.integers(0, 5), min_size=1, max_size=5),
    width=st.integers(1, 12),
    ends=st.tuples(st.none() | st.integers(-5, 300), st.none() | st.integers(-5, 300)),
    as_times=st.booleans(),
)
def test_the_lowest_and_the_highest_of_every_column_are_drawn(
    ys: list[float],
    gaps: list[int],
    width: int,
    ends: tuple[int | None, int | None],
    as_times: bool,
) -> None:
    xs, values = curve_of(ys, gaps)
    if as_times:
        xs = xs.astype(float)
    drawn = draw(xs, values, View(ends[0], ends[1], width))
    low = float(xs[0]) if ends[0] is None else ends[0]
    high = float(xs[-1]) if ends[1] is None else ends[1]
    seen = [(x, y) for x, y in zip(xs.tolist(), values.tolist(), strict=True) if low <= x <= high]
    pairs = list(zip(drawn.xs, drawn.ys, strict=True))
    begins = (
        edges(float(low), float(high), width) if as_times else edges(int(low), int(high), width)
    )
    for column, begin in enumerate(begins):
        end = begins[column + 1] if column + 1 < width else math.inf
        own = [(x, y) for x, y in seen if begin <= x < end and math.isfinite(y)]
        if own:
            there = [y for x, y in pairs if begin <= x < end and low <= x <= high and y is not None]
            assert min(there) == min(y for _, y in own)
            assert max(there) == max(y for _, y in own)


@given(ys=NUMBERS, width=st.integers(1, 12))
def test_what_is_drawn_are_points_of_the_curve_in_its_order(ys: list[float], width: int) -> None:
    xs, values = curve_of(ys, [1, 0, 3])
    drawn = draw(xs, values, View(width=width))
    rest = iter(zip(xs.tolist(), map(shown, ys), strict=True))
    odd = iter(drawn.odd)
    for x, y in zip(drawn.xs, drawn.ys, strict=True):
        what = shown(float(next(odd)[1])) if y is None else y
        assert any(point == (x, what) for point in rest)
    assert next(odd, None) is None
    assert (drawn.xs[0], drawn.xs[-1]) == (xs[0], xs[-1])
    assert len(drawn.xs) <= max(2 * width, 5 * width + 2)


@given(ys=NUMBERS, width=st.integers(1, 8))
def test_no_kind_of_what_is_no_number_is_lost(ys: list[float], width: int) -> None:
    xs, values = curve_of(ys, [1])
    kinds = {kind for _, kind in draw(xs, values, View(width=width)).odd}
    assert kinds == {str(y) for y in ys if not math.isfinite(y)}


def test_a_million_points_become_two_a_column() -> None:
    values = np.sin(np.arange(1_000_000) / 1000)
    values[123_456] = 99.0
    drawn = draw(np.arange(1_000_000), values, View(width=1000))
    assert len(drawn.xs) <= 2002
    assert (123_456, 99.0) in list(zip(drawn.xs, drawn.ys, strict=True))


def test_a_part_comes_with_the_points_beside_it() -> None:
    xs, values = np.arange(10), np.arange(10.0)
    assert draw(xs, values, View(3.2, 5.9)).xs == [3, 4, 5, 6]
    assert draw(xs, values, View(100, 200)).xs == [9]
    assert draw(xs, values, View(7, 3)).xs == [6, 7]


def test_an_empty_curve_is_drawn_as_nothing() -> None:
    empty = stitch({})
    assert draw(empty.steps, empty.values, View()) == ([], [], [])


@pytest.mark.parametrize("far", [1e300, 2.0**63])
def test_a_view_may_reach_beyond_all_steps(far: float) -> None:
    xs, values = np.arange(100), np.arange(100.0)
    assert draw(xs, values, View(-far, far, 4)).xs == [0, 99]  # all in one column
    assert draw(xs, values, View(far, None, 4)).xs == [99]
    assert draw(xs, values, View(None, -far, 4)).xs == [0]


def test_steps_at_both_ends_of_what_can_be_stored_are_drawn() -> None:
    xs = np.array([STEPS.start, *range(50), STEPS.stop - 1])
    drawn = draw(xs, np.arange(52.0), View(width=3))
    assert (drawn.xs[0], drawn.xs[-1]) == (STEPS.start, STEPS.stop - 1)


def test_by_time_leaves_out_what_has_none() -> None:
    curve = by_time(arrays([(1, 1.0, 9.0), (2, 2.0, math.nan), (3, 3.0, 4.0)]))
    assert (curve.steps.tolist(), curve.times.tolist()) == ([3, 1], [4.0, 9.0])
