"""What agents measured is taken once, and read as series."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.model.sample import SYSTEM, Sample, line_of
from launcher.store import Store
from launcher.store.packing import Arrays

JOB = "digits-k3m9ap"
STRETCHES = st.lists(st.tuples(st.integers(-60, 3), st.integers(0, 400)), max_size=8)
"""Where each stretch begins, from the end of what is stored, and its size."""
_numbers = itertools.count()


def samples(count: int, start: float = 1000.0) -> list[Sample]:
    return [
        Sample(start + 5 * n, 1, {"node/cpu": float(n)}, {2: {"rank/cpu": 2.0}, 3: {"rank/cpu": n}})
        for n in range(count)
    ]


def take(store: Store, told: Sequence[Sample], *, attempt: int = 1, job: str = JOB) -> int:
    """Append samples where the node's file ends."""
    data = b"".join(line_of(sample) for sample in told)
    begin = store.samples.append(job, attempt, 2, 0, b"").length
    return store.samples.append(job, attempt, 2, begin, data).length


def history(store: Store, name: str, rank: int, job: str = JOB) -> dict[int, Arrays]:
    with store.samples.reading(job) as reading:
        (series,) = [one for one in reading.series([name]) if one.rank == rank]
        return reading.history(series.id)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 300])
def test_samples_are_read_as_series_with_seconds_for_steps(store: Store, count: int) -> None:
    for sample in samples(count):
        take(store, [sample])
    (points,) = history(store, "rank/cpu", 3).values()
    assert points.values.tolist() == [float(n) for n in range(count)]
    assert points.times.tolist() == [1000.0 + 5 * n for n in range(count)]
    assert points.steps.tolist() == [1000 + 5 * n for n in range(count)]
    with store.samples.reading(JOB) as reading:
        found = reading.series()
    assert [(one.name, one.rank, one.kind) for one in found] == [
        ("node/cpu", 1, SYSTEM),
        ("rank/cpu", 2, SYSTEM),
        ("rank/cpu", 3, SYSTEM),
    ]
    assert {one.count for one in found} == {count}


def test_a_summary_tells_mean_and_peak(store: Store) -> None:
    take(store, samples(5))
    *_, last = store.samples.summaries(JOB)
    assert (last.name, last.rank, last.count) == ("rank/cpu", 3, 5)
    assert (last.mean, last.highest, last.last_value, last.last_at) == (2.0, 4.0, 4.0, 1020.0)
    assert [one.name for one in store.samples.summaries(JOB, ["node/cpu"])] == ["node/cpu"]


@given(STRETCHES)
def test_stretches_in_any_order_give_each_sample_once(
    shared_store: Store, stretches: list[tuple[int, int]]
) -> None:
    job = f"job-{next(_numbers)}"
    told = samples(12)
    data = b"".join(line_of(sample) for sample in told)
    taken = shared_store.samples
    length, seen = 0, []
    for back, size in [*stretches, (0, len(data))]:
        offset = length + back
        part = data[max(offset, 0) : offset + size] if offset >= 0 else data[:size]
        found = taken.append(job, 1, 2, offset, part)
        length, seen = found.length, [*seen, *found.samples]
    assert length == len(data)
    assert seen == told
    (points,) = history(shared_store, "node/cpu", 1, job).values()
    assert points.values.tolist() == [float(n) for n in range(12)]


def test_attempts_are_kept_apart_and_late_ones_find_their_place(store: Store) -> None:
    take(store, samples(3), attempt=1)
    take(store, samples(70, 2000.0), attempt=2)
    take(store, samples(2, 1500.0), attempt=1)
    found = history(store, "node/cpu", 1)
    assert {attempt: len(points.steps) for attempt, points in found.items()} == {1: 5, 2: 70}
    (cpu,) = store.samples.summaries(JOB, ["node/cpu"])
    assert (cpu.count, cpu.last_at, cpu.last_value) == (75, 2000.0 + 69 * 5, 69.0)


def test_lines_that_are_no_samples_are_passed_over(store: Store) -> None:
    line = line_of(Sample(1.0, 0, {"node/cpu": 1.0}))
    data = b'{"k":"m","step":1,"t":1,"m":{"loss":1}}\ntorn {\n' + line
    assert store.samples.append(JOB, 1, 0, 0, data).length == len(data)
    (cpu,) = store.samples.summaries(JOB)
    assert cpu.count == 1
    assert store.metrics.series(JOB) == []


def test_what_a_node_gave_up_is_passed_over(store: Store) -> None:
    assert store.samples.skip(JOB, 1, 0, 0, 500) == 500
    line = line_of(Sample(1.0, 0, {"node/cpu": 1.0}))
    assert store.samples.append(JOB, 1, 0, 500, line).length == 500 + len(line)
    assert store.samples.skip(JOB, 1, 0, 0, 100) == 500 + len(line)
    assert len(store.samples.summaries(JOB)) == 1


def test_names_of_programs_and_of_agents_never_meet(store: Store) -> None:
    take(store, samples(3))
    report = b'{"k":"m","step":7,"t":1,"m":{"node/cpu":-1.0}}\n'
    store.metrics.append(JOB, 1, 1, 0, report)
    assert store.metrics.latest(JOB) == {"node/cpu": -1.0}
    assert [point.step for point in store.metrics.points(JOB)] == [7]
    assert [point.value for point in store.metrics.batches_after(JOB, 0)[1]] == [-1.0]
    assert store.samples.summaries(JOB, ["node/cpu"])[0].highest == 2.0
    assert not store.metrics.reported(JOB, 2)


def test_samples_alone_are_no_report(store: Store) -> None:
    """A job whose program reported nothing has not begun for that."""
    take(store, samples(3))
    assert not store.metrics.reported(JOB, 1)
    assert store.metrics.progress(JOB) is None


def test_points_go_and_the_summary_stays(store: Store) -> None:
    take(store, samples(100))
    take(store, samples(100), job="other-aaaaaa")
    before = store.samples.summaries(JOB)
    store.samples.drop_points(JOB)
    assert history(store, "node/cpu", 1) == {}
    assert store.samples.summaries(JOB) == before
    assert len(history(store, "node/cpu", 1, "other-aaaaaa")[1].steps) == 100
    store.samples.forget(["other-aaaaaa"])
    assert store.samples.summaries("other-aaaaaa") == []
    assert take(store, samples(1), job="other-aaaaaa") == len(line_of(samples(1)[0]))


def test_nodes_are_told_by_buckets_of_time(store: Store) -> None:
    take(store, samples(200))
    take(store, samples(200), job="other-aaaaaa")
    many = [JOB, *(f"job-{number}" for number in range(3000)), "other-aaaaaa"]
    found = list(store.samples.of_nodes(many, 1500.0, 50.0))
    assert [told[:4] for told in found] == [
        (JOB, 1, 1, "node/cpu"),
        ("other-aaaaaa", 1, 1, "node/cpu"),
    ]
    means = found[0][4]
    assert list(means) == list(range(30, 40))
    assert means[30] == (pytest.approx(sum(range(100, 110)) / 10), 10)
    assert list(store.samples.of_nodes([JOB], 1e9, 50.0)) == []
