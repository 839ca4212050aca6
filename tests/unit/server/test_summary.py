"""A series in a few figures."""

import numpy as np
import pytest

from launcher.server.summary import summary_of
from launcher.store.packing import Arrays
from launcher.store.reading import SeriesInfo

INFO = SeriesInfo(1, "loss", 0, 4, 1, 4, 1.0)


def points(*rows):
    steps, values, times = zip(*rows, strict=True)
    return Arrays(np.array(steps, np.int64), np.array(values, float), np.array(times, float))


def test_the_figures_are_of_all_attempts_as_one_curve():
    first = points((1, 3.0, 100.0), (2, 0.1, 102.0), (3, 9.0, 104.0))
    found = summary_of(INFO, {1: first, 2: points((2, 2.0, 900.0), (3, 1.0, 902.0))})
    assert (found.count, found.first_at, found.last) == (3, 100.0, 1.0)
    assert (found.lowest, found.highest, found.median) == (1.0, 3.0, 2.0)


def test_a_restart_is_no_slow_step():
    history = {1: points((1, 1.0, 100.0), (2, 1.0, 101.0)), 2: points((2, 1.0, 900.0))}
    assert summary_of(INFO, history).steps_per_s == 1.0
    assert summary_of(INFO, {1: points((1, 1.0, 100.0))}).steps_per_s is None


@pytest.mark.parametrize(("value", "told"), [(np.nan, "nan"), (np.inf, "inf")])
def test_what_is_no_number_is_told_as_the_last_value_and_counts_nowhere_else(value, told):
    found = summary_of(INFO, {1: points((1, 2.0, 100.0), (2, value, 101.0))})
    assert (found.last, found.lowest, found.highest, found.median) == (told, 2.0, 2.0, 2.0)


def test_nothing_but_odd_values_has_no_best():
    found = summary_of(INFO, {1: points((1, np.nan, np.nan))})
    assert (found.count, found.first_at, found.lowest, found.highest) == (1, None, None, None)
