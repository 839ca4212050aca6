from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.model.metric import MetricPoint
from launcher.store import Store
from launcher.store.spooled import MAX_LINE, MAX_NAME

Line = Callable[..., bytes]
JOB = "digits-k3m9ap"
STRETCHES = st.lists(st.tuples(st.integers(-60, 3), st.integers(0, 120)), max_size=8)
"""Where each stretch begins, from the end of what is stored, and its size."""
_numbers = itertools.count()


def take(store: Store, *lines: bytes, attempt: int = 1, rank: int = 0, job: str = JOB) -> int:
    """Append whole lines where the spool ends."""
    offset = store.metrics.append(job, attempt, rank, 0, b"")
    return store.metrics.append(job, attempt, rank, offset, b"".join(lines))


def test_points_are_read_as_they_were_reported(store: Store, report_line: Line) -> None:
    lines = [report_line(1, 10.0, loss=0.5, acc=0.1), report_line(2, 11.0, loss=0.25)]
    assert take(store, *lines) == sum(map(len, lines))
    assert store.metrics.points(JOB) == [
        MetricPoint("loss", 1, 0.5, 10.0, 1, 0),
        MetricPoint("loss", 2, 0.25, 11.0, 1, 0),
        MetricPoint("acc", 1, 0.1, 10.0, 1, 0),
    ]
    assert store.metrics.points("other-aaaaaa") == []


def test_points_are_chosen_by_name_and_rank(store: Store, report_line: Line) -> None:
    for rank in (0, 1):
        take(store, report_line(1, loss=rank, acc=2.0), rank=rank)
    chosen = store.metrics.points(JOB, "loss", 1)
    assert [(point.name, point.rank, point.value) for point in chosen] == [("loss", 1, 1.0)]
    assert {point.rank for point in store.metrics.points(JOB, "loss")} == {0, 1}
    assert {point.name for point in store.metrics.points(JOB, rank=1)} == {"loss", "acc"}


@pytest.mark.parametrize("value", [math.inf, -math.inf, 5e-324, 1e308, -0.0])
def test_numbers_beyond_the_usual_survive(store: Store, report_line: Line, value: float) -> None:
    take(store, report_line(1, loss=value))
    (point,) = store.metrics.points(JOB)
    assert math.copysign(1, point.value) == math.copysign(1, value)
    assert point.value == value
    assert store.metrics.latest(JOB) == {"loss": value}


def test_a_loss_that_is_no_number_survives_as_point_and_as_latest(
    store: Store, report_line: Line
) -> None:
    take(store, report_line(1, loss=1.0), report_line(2, loss=math.nan))
    assert math.isnan(store.metrics.points(JOB)[1].value)
    assert math.isnan(store.metrics.latest(JOB)["loss"])
    assert math.isnan(store.metrics.series(JOB)[0].last_value)


def test_a_long_stretch_is_packed_small_and_read_back_whole(
    store: Store, report_line: Line
) -> None:
    count = 5000
    take(store, *(report_line(step, 10.0 + step, loss=1 / (step + 1)) for step in range(count)))
    (curve,) = store.metrics.curves(JOB)
    assert curve.steps == list(range(count))
    assert curve.values == [1 / (step + 1) for step in range(count)]
    assert curve.times == [10.0 + step for step in range(count)]
    with store.metrics._database.read() as tx:
        size = tx.exec_driver_sql("SELECT sum(length(data)) FROM batches").scalar()
    assert size < 0.8 * 24 * count


def test_series_tell_their_extent_over_all_attempts(store: Store, report_line: Line) -> None:
    take(store, *(report_line(step, loss=float(step)) for step in (5, 6, 7)))
    take(store, report_line(6, loss=60.0), attempt=2)
    (series,) = store.metrics.series(JOB)
    assert (series.name, series.rank, series.count) == ("loss", 0, 4)
    assert (series.first_step, series.last_step, series.last_value) == (5, 6, 60.0)


def test_what_a_dead_attempt_had_to_say_comes_late_and_is_not_the_latest(
    store: Store, report_line: Line
) -> None:
    take(store, report_line(6, loss=60.0), attempt=2)
    take(store, report_line(9, loss=9.0), report_line(3, loss=3.0), attempt=1)
    (series,) = store.metrics.series(JOB)
    assert (series.count, series.first_step) == (3, 3)
    assert (series.last_step, series.last_value) == (6, 60.0)


def test_the_latest_values_are_of_the_lowest_rank_that_has_them(
    store: Store, report_line: Line
) -> None:
    take(store, report_line(1, loss=1.0, only_here=7.0), rank=2)
    take(store, report_line(1, loss=0.5), rank=1)
    assert store.metrics.latest(JOB) == {"loss": 0.5, "only_here": 7.0}
    assert store.metrics.latest("other-aaaaaa") == {}


def test_progress_is_of_the_lowest_rank_in_the_newest_attempt_with_reports(
    store: Store, report_line: Line
) -> None:
    assert store.metrics.progress(JOB) is None
    take(store, report_line(1, 10.0, total=90), report_line(30, 20.0), rank=1)
    take(store, report_line(4, 11.0), report_line(5, 12.0), rank=3)
    first = store.metrics.progress(JOB)
    assert first is not None
    assert (first.attempt, first.rank, first.step, first.total_steps) == (1, 1, 30, 90)
    assert (first.first_step, first.first_at, first.last_at) == (1, 10.0, 20.0)
    take(store, b"no record\n", attempt=2)
    assert store.metrics.progress(JOB) == first
    take(store, report_line(21, 50.0), attempt=2, rank=2)
    second = store.metrics.progress(JOB)
    assert second is not None
    assert (second.attempt, second.rank, second.step, second.first_step) == (2, 2, 21, 21)
    assert second.total_steps is None


def test_a_report_without_figures_is_progress_and_no_point(store: Store, report_line: Line) -> None:
    take(store, report_line(7))
    assert store.metrics.points(JOB) == []
    assert store.metrics.reported(JOB, 1)
    progress = store.metrics.progress(JOB)
    assert progress is not None
    assert progress.step == 7


def test_reports_and_checkpoints_tell_that_the_program_began(
    store: Store, report_line: Line
) -> None:
    take(store, b"no record\n", attempt=1)
    take(store, b'{"k":"c","step":1,"path":"a"}\n', attempt=2, rank=3)
    take(store, report_line(1), attempt=3)
    assert [store.metrics.reported(JOB, attempt) for attempt in (1, 2, 3, 4)] == [
        False,
        True,
        True,
        False,
    ]


HOSTILE = [
    b"Traceback (most recent call last):",
    b'{"t":1.0,"k":"m","step":1,"m":{"loss":',
    b'{"t":1.0,"k":"m","step":1,"m":{"loss":1' + b"0" * 400 + b"}}",
    b'{"t":1' + b"0" * 400 + b',"k":"m","step":1,"m":{}}',
    b'{"t":1.0,"k":"m","step":9223372036854775808,"m":{"loss":1}}',
    b'{"t":1.0,"k":"m","step":1,"n":9223372036854775808,"m":{"loss":1}}',
    b"[" * 100_000,
    b"9" * 10_000,
    b"\xff\xfe",
    b"\0" * 4096,
]


@pytest.mark.parametrize("line", HOSTILE, ids=range(len(HOSTILE)))
def test_a_line_that_is_no_record_is_counted_and_stops_nothing(
    store: Store, report_line: Line, line: bytes
) -> None:
    take(store, report_line(1, loss=1.0), line + b"\n", b"\n", report_line(2, loss=2.0))
    assert [point.step for point in store.metrics.points(JOB)] == [1, 2]
    assert store.metrics.unreadable(JOB) == 1


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("x" * (MAX_NAME + 50), "x" * MAX_NAME),
        ("nul\0", "nul\ufffd"),
        ("\x1b]0;title\x07", "\ufffd]0;title\ufffd"),
        ("half\ud800", "half?"),
        ("", ""),
        ("Größe/µs", "Größe/µs"),
    ],
)
def test_any_name_becomes_one_that_can_be_stored_and_asked_for(
    store: Store, report_line: Line, name: str, stored: str
) -> None:
    for step in (1, 2):
        take(store, report_line(step, **{name: 1.0}))
    assert [series.name for series in store.metrics.series(JOB)] == [stored]
    assert [point.step for point in store.metrics.points(JOB, stored)] == [1, 2]


def test_a_time_that_is_no_number_harms_nothing(store: Store, report_line: Line) -> None:
    take(store, report_line(1, math.nan, loss=1.0))
    progress = store.metrics.progress(JOB)
    assert progress is not None
    assert math.isnan(progress.first_at)
    assert math.isnan(store.metrics.points(JOB)[0].time)


def test_a_line_without_an_end_is_not_kept_forever(store: Store, report_line: Line) -> None:
    take(store, b"x" * (MAX_LINE + 1))
    assert store.metrics.unreadable(JOB) == 1
    take(store, b"\n", report_line(1, loss=1.0))
    assert [point.step for point in store.metrics.points(JOB)] == [1]


@given(
    steps=st.lists(st.integers(-3, 10**6), min_size=1, max_size=12),
    data=st.data(),
)
def test_stretches_doubled_reordered_and_overlapping_give_each_point_once(
    shared_store: Store, steps: list[int], data: st.DataObject
) -> None:
    job = f"any-{next(_numbers)}"
    records = [{"t": 1.0, "k": "m", "step": step, "m": {"loss": i}} for i, step in enumerate(steps)]
    source = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    length, metrics = 0, shared_store.metrics
    for from_end, size in [*data.draw(STRETCHES), (-len(source), len(source))]:
        start = max(length + from_end, 0)
        end = min(start + size, len(source))
        after = metrics.append(job, 1, 0, start, source[start:end])
        assert after == (max(length, end) if start <= length else length)
        length = after
        arrived = source[:length].count(b"\n")
        assert [point.value for point in metrics.points(job)] == list(range(arrived))
    assert [point.step for point in metrics.points(job)] == steps
    assert metrics.unreadable(job) == 0


def test_followers_get_each_point_once(store: Store, report_line: Line) -> None:
    cursor, points = store.metrics.batches_after(JOB, 0)
    assert (cursor, points) == (0, [])
    followed = []
    for step in range(5):
        take(store, report_line(step, loss=float(step), acc=0.5))
        take(store, report_line(step, loss=0.0), job="other-aaaaaa")
        if step % 2:
            cursor, points = store.metrics.batches_after(JOB, cursor)
            followed += points
    cursor, points = store.metrics.batches_after(JOB, cursor)
    followed += points
    assert store.metrics.batches_after(JOB, cursor) == (cursor, [])
    assert sorted(followed, key=repr) == sorted(store.metrics.points(JOB), key=repr)
    assert [point.step for point in followed if point.name == "loss"] == list(range(5))


def test_a_follower_who_comes_late_gets_everything_in_bounded_portions(
    store: Store, report_line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launcher.store.reading._BATCHES_A_READ", 2)
    for step in range(5):
        take(store, report_line(step, loss=1.0))
    portions, cursor = [], 0
    while (answer := store.metrics.batches_after(JOB, cursor))[1]:
        cursor = answer[0]
        portions.append([point.step for point in answer[1]])
    assert portions == [[0, 1], [2, 3], [4]]


def test_spools_of_ranks_and_attempts_are_apart(store: Store, report_line: Line) -> None:
    line = report_line(1, loss=1.0)
    for attempt in (1, 2):
        for rank in (0, 1):
            assert store.metrics.append(JOB, attempt, rank, 0, line) == len(line)
    found = {(point.attempt, point.rank) for point in store.metrics.points(JOB)}
    assert found == {(1, 0), (1, 1), (2, 0), (2, 1)}
