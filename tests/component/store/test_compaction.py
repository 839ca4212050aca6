from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from launcher.model.metric import MetricPoint
from launcher.store import Store, compaction
from launcher.store.compaction import Compaction, generations

JOB = "digits-k3m9ap"
Line = Callable[..., bytes]
_numbers = itertools.count()


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few batches are enough."""
    monkeypatch.setattr(compaction, "LOOSE", 4)
    monkeypatch.setattr(compaction, "_LEFT_LOOSE", 2)
    monkeypatch.setattr(compaction, "_WORTH_IT", 1)
    monkeypatch.setattr(compaction, "_AT_ONCE", 3)
    monkeypatch.setattr(compaction, "_LARGE", 50)


def take(store: Store, *lines: bytes, attempt: int = 1, rank: int = 0, job: str = JOB) -> None:
    offset = store.metrics.append(job, attempt, rank, 0, b"")
    store.metrics.append(job, attempt, rank, offset, b"".join(lines))


def told(store: Store, job: str = JOB, cursor: int = 0) -> list[MetricPoint]:
    """Everything that follows a cursor, in its order."""
    points: list[MetricPoint] = []
    while True:
        before = cursor
        cursor, some = store.metrics.batches_after(job, cursor)
        points += some
        if cursor == before:
            return points


def rows(store: Store, job: str = JOB) -> int:
    with store.read_points() as tx:
        found = tx.execute(text("SELECT count(*) FROM batches WHERE job_id = :job"), {"job": job})
        return int(found.scalar() or 0)


def test_many_small_batches_become_few(store: Store, report_line: Line, eager: None) -> None:
    for step in range(40):
        take(store, report_line(step, 10.0 + step, loss=1 / (step + 1)))
    before, history = told(store), store.metrics.curves(JOB)
    assert store.metrics.compaction.work() == 1
    assert rows(store) == 3  # one, and the newest two as they are
    assert told(store) == before
    assert store.metrics.curves(JOB) == history
    assert store.metrics.compaction.work() == 0


def test_a_follower_goes_on_from_the_middle_of_what_was_put_together(
    store: Store, report_line: Line, eager: None
) -> None:
    cursors = [0]
    for step in range(12):
        take(store, report_line(step, loss=float(step), acc=0.5), rank=step % 2)
        with store.metrics.reading(JOB) as reading:
            cursors.append(reading.newest_batch())
    before = {cursor: told(store, cursor=cursor) for cursor in cursors}
    store.metrics.compaction.work()
    assert rows(store) < 24
    assert {cursor: told(store, cursor=cursor) for cursor in cursors} == before


def test_generations_that_are_alike_become_one(
    store: Store, report_line: Line, eager: None
) -> None:
    for step in range(60):
        take(store, report_line(step, loss=float(step)))
        store.metrics.compaction.work()
    with store.read_points() as tx:
        known = generations(tx, JOB)
    assert len(known) < 8
    assert known[0].low == 0
    assert all(one.high == other.low for one, other in itertools.pairwise(known))
    assert [point.step for point in told(store)] == list(range(60))


def test_large_batches_stay_as_they_are(store: Store, report_line: Line, eager: None) -> None:
    for first in range(0, 600, 100):
        take(store, *(report_line(step, loss=0.5) for step in range(first, first + 100)))
    store.metrics.compaction.work()
    assert rows(store) == 6
    assert [point.step for point in told(store)] == list(range(600))


def test_what_a_removed_job_had_is_not_put_together(
    store: Store, report_line: Line, eager: None
) -> None:
    for step in range(20):
        take(store, report_line(step, loss=0.5))
    store.metrics.forget([JOB])
    assert store.metrics.compaction.work() == 1
    assert (rows(store), told(store)) == (0, [])
    with store.read_points() as tx:
        assert generations(tx, JOB) == []


REPORTS = st.lists(
    st.tuples(
        st.integers(1, 3),  # attempt
        st.integers(0, 1),  # rank
        st.lists(st.tuples(st.integers(-5, 50), st.floats()), min_size=1, max_size=4),
        st.booleans(),  # whether batches are put together after it
    ),
    max_size=8,
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports=REPORTS)
def test_nothing_that_is_read_changes_when_batches_are_put_together(
    shared_store: Store, report_line: Line, eager: None, reports: list
) -> None:
    plain, compact = (f"digits-{next(_numbers):06}" for _ in range(2))
    cursors: dict[str, list[int]] = {plain: [], compact: []}
    for attempt, rank, points, now in reports:
        lines = [report_line(step, loss=value, **{f"m{step}": 1.0}) for step, value in points]
        for job in (plain, compact):
            take(shared_store, *lines, attempt=attempt, rank=rank, job=job)
            with shared_store.metrics.reading(job) as reading:
                cursors[job].append(reading.newest_batch())
        if now:
            own = Compaction(shared_store.metrics._database, shared_store.metrics._turn)
            own.note(compact, 100)
            own.work()
    for one, other in zip(cursors[plain], cursors[compact], strict=True):
        assert same(told(shared_store, plain, one), told(shared_store, compact, other))
    assert same(*(sorted_by_series(shared_store.metrics.points(job)) for job in (plain, compact)))


def sorted_by_series(points: list[MetricPoint]) -> list[MetricPoint]:
    return sorted(points, key=lambda point: (point.name, point.rank, point.attempt))


def same(one: list[MetricPoint], other: list[MetricPoint]) -> bool:
    return [shown(point) for point in one] == [shown(point) for point in other]


def shown(point: MetricPoint) -> tuple[object, ...]:
    value = "nan" if math.isnan(point.value) else point.value
    return (point.name, point.rank, point.attempt, point.step, value, point.time)


# --- jobs that have ended ------------------------------------------------------------------------


def test_of_a_job_that_has_ended_nothing_is_left_loose(store: Store, report_line: Line) -> None:
    for step in range(100):
        take(store, report_line(step, 10.0 + step, loss=1 / (step + 1), acc=0.5))
    before, history = told(store), store.metrics.curves(JOB)
    compacting = store.metrics.compaction
    assert compacting.work() == 0  # too few, as long as more may come
    assert compacting.finish(lambda _: ()) == 0
    assert rows(store) == 200
    assert compacting.finish(lambda jobs: jobs) == 1
    assert rows(store) == 2
    assert (told(store), store.metrics.curves(JOB)) == (before, history)
    assert compacting.finish(lambda jobs: jobs) == 0


def test_what_comes_after_the_end_is_put_together_behind_it(
    store: Store, report_line: Line
) -> None:
    for first in (0, 40):
        for step in range(first, first + 40):
            take(store, report_line(step, loss=float(step)))
        assert store.metrics.compaction.finish(lambda jobs: jobs) == 1
    assert rows(store) == 2
    assert [point.step for point in told(store)] == list(range(80))


def test_what_lay_loose_before_a_restart_is_found(store: Store, report_line: Line) -> None:
    for step in range(40):
        take(store, report_line(step, loss=float(step)))
    restarted = Compaction(store.metrics._database, store.metrics._turn)
    assert restarted.finish(lambda jobs: jobs) == 0
    restarted.find()
    assert restarted.finish(lambda jobs: jobs) == 1
    assert rows(store) == 1
    restarted.find()
    assert restarted.finish(lambda jobs: jobs) == 0
