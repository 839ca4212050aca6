"""Step times of a rank, out of when it reported which step."""

import numpy as np
import pytest

from launcher.server.pace import step_series, step_times
from launcher.store.packing import Arrays
from launcher.store.reading import SeriesInfo


def reported(steps, times):
    steps = np.array(steps, np.int64)
    return Arrays(steps, np.zeros(len(steps)), np.array(times, np.float64))


def drawn(steps, times):
    _, seconds, at = step_times(reported(steps, times))
    return list(zip(at.tolist(), seconds.tolist(), strict=True))


def test_a_step_takes_the_time_since_the_report_before_shared_by_the_steps_between():
    assert drawn([0, 1, 3], [100.0, 101.0, 105.0]) == [(101.0, 1.0), (105.0, 2.0)]


def test_several_reports_of_a_step_are_one_step():
    assert drawn([0, 0, 1, 1, 2], [10.0, 10.5, 12.0, 12.9, 14.0]) == [(12.0, 2.0), (14.0, 2.0)]


def test_a_report_that_goes_back_tells_no_step_and_spoils_none():
    assert drawn([4, 5, 2, 6], [10.0, 11.0, 11.5, 13.0]) == [(11.0, 1.0), (13.0, 2.0)]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 0.0, 1e300])
def test_a_clock_that_is_none_leaves_a_hole(odd):
    found = drawn([0, 1, 2, 3], [10.0, 11.0, odd, 13.0])
    assert (11.0, 1.0) in found
    assert all(np.isfinite(value) and value >= 0 for _, value in found)


@pytest.mark.parametrize("steps", [[], [7]])
def test_one_report_tells_no_step_time(steps):
    assert drawn(steps, [1.0] * len(steps)) == []


def info(name, rank, count, number=1):
    return SeriesInfo(number, name, rank, count, 0, count, 0.5)


def test_each_ranks_steps_are_told_by_what_it_reported_most():
    series = [info("acc", 0, 3, 4), info("loss", 0, 90, 5), info("loss", 1, 90, 6), info("x", 2, 1)]
    found = step_series(series)
    assert [(one.id, one.rank, one.count, one.source) for one in found] == [
        (-5, 0, 89, "loss"),
        (-6, 1, 89, "loss"),
    ]
    assert {(one.name, one.kind) for one in found} == {("rank/step_time", "system")}
