"""Spool lines, and the stitching of attempts to one curve."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.model.metric import (
    CheckpointSaved,
    MetricPoint,
    Progress,
    checkpoint_of,
    parse_record,
    points_of,
    progress_of,
    stitch,
)


def point(step, attempt=1, value=0.0):
    return MetricPoint("loss", step, value, float(step), attempt, 0)


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[1]", b"3", b'{"step": 1}', b"\xff\xfe", b'{"k": "m", "step"'], ids=repr
)
def test_a_torn_or_foreign_line_is_no_record(line):
    assert parse_record(line) is None


def test_a_report_gives_its_points_and_how_far_it_is():
    record = parse_record(
        json.dumps({"k": "m", "step": 3, "n": 10, "t": 5, "m": {"loss": 1}}).encode()
    )
    assert list(points_of(record, 2, 1)) == [MetricPoint("loss", 3, 1.0, 5.0, 2, 1)]
    assert progress_of(record) == Progress(3, 10)


@pytest.mark.parametrize(
    "record",
    [
        {"k": "c", "step": 1, "t": 1, "m": {"loss": 1}},
        {"k": "m", "t": 1, "m": {"loss": 1}},
        {"k": "m", "step": "1", "t": 1, "m": {"loss": 1}},
        {"k": "m", "step": 1, "m": {"loss": 1}},
        {"k": "m", "step": 1, "t": 1, "m": [1]},
        {"k": "m", "step": 1, "t": 1, "m": {"loss": True, "name": "x"}},
    ],
)
def test_what_has_not_the_shape_of_a_point_is_passed_over(record):
    assert list(points_of(record, 1, 0)) == []


@pytest.mark.parametrize("name", ["\x1b]0;title\x07", "a\rb", "\u202eb"])
def test_a_name_cannot_command_the_terminal_that_shows_it(name):
    (point,) = points_of({"k": "m", "step": 1, "t": 1, "m": {name: 1}}, 1, 0)
    assert point.name.isprintable()
    assert "\ufffd" in point.name


@pytest.mark.parametrize("total", [None, 0, -1, "10"])
def test_a_senseless_total_is_none(total):
    assert progress_of({"k": "m", "step": 3, "n": total}) == Progress(3, None)


def test_a_record_announces_a_checkpoint():
    record = {"k": "c", "step": 3, "path": "3", "metrics": {"loss": 1, "x": "y"}}
    assert checkpoint_of(record) == CheckpointSaved(3, "3", {"loss": 1.0}, sharded=False)


@pytest.mark.parametrize(
    "record", [{"k": "m", "step": 1}, {"k": "c", "path": "3"}, {"k": "c", "step": 1}]
)
def test_another_record_announces_none(record):
    assert checkpoint_of(record) is None


def test_a_step_that_ran_again_counts_once_and_as_it_ran_last():
    first = [point(step, 1, 1.0) for step in range(5)]
    second = [point(step, 2, 2.0) for step in range(3, 7)]
    curve = stitch([*first, *second])
    assert [p.step for p in curve] == [0, 1, 2, 3, 4, 5, 6]
    assert [p.attempt for p in curve] == [1, 1, 1, 2, 2, 2, 2]


def test_the_future_that_did_not_happen_is_dropped():
    curve = stitch([point(step, 1) for step in range(10)] + [point(4, 2)])
    assert [p.step for p in curve] == [0, 1, 2, 3, 4]


def test_an_attempt_without_points_changes_nothing():
    assert [p.step for p in stitch([point(1, 1), point(2, 3)])] == [1, 2]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), max_size=40))
def test_a_curve_never_goes_back_to_an_earlier_attempt(pairs):
    curve = stitch(point(step, attempt) for step, attempt in pairs)
    assert [p.step for p in curve] == sorted(p.step for p in curve)
    assert [p.attempt for p in curve] == sorted(p.attempt for p in curve)
    newest = max((attempt for _, attempt in pairs), default=0)
    assert sum(p.attempt == newest for p in curve) == sum(a == newest for _, a in pairs)
