"""Points as bytes: whatever floats and steps they are, they come back bit by bit."""

from __future__ import annotations

import math
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.store.packing import (
    STEPS,
    Arrays,
    Columns,
    Together,
    pack,
    pack_arrays,
    pack_together,
    unpack,
    unpack_arrays,
    unpack_together,
)

ANY_STEP = st.integers(STEPS.start, STEPS.stop - 1)
NEAR = st.integers(0, 1000)
ANY_FLOAT = st.floats() | st.floats(width=32) | st.sampled_from([0.0, -0.0, math.nan, math.inf])
TIME = st.floats(1.7e9, 1.8e9) | ANY_FLOAT


def columns_of(step: st.SearchStrategy[int], most: int = 80) -> st.SearchStrategy[Columns]:
    points = st.lists(st.tuples(step, ANY_FLOAT, TIME), min_size=1, max_size=most)
    return points.map(lambda some: Columns(*map(list, zip(*some, strict=True))))


def bits(columns: Columns) -> list[bytes]:
    return [
        struct.pack(f"<{len(columns.steps)}q", *columns.steps),
        struct.pack(f"<{len(columns.values)}d", *columns.values),
        struct.pack(f"<{len(columns.times)}d", *columns.times),
    ]


@given(columns=columns_of(ANY_STEP) | columns_of(NEAR))
def test_points_come_back_bit_by_bit(columns: Columns) -> None:
    assert bits(unpack(pack(columns))) == bits(columns)
    arrays = Arrays(*map(np.array, columns))
    assert bits(unpack(pack_arrays(arrays))) == bits(columns)


@given(columns=columns_of(NEAR, most=20), cut=st.integers(0, 25))
def test_batches_that_are_put_together_know_where_each_begins(columns: Columns, cut: int) -> None:
    count = len(columns.steps)
    ids, counts = np.arange(10, 10 + count), np.ones(count, np.int64)
    data = pack_together(Together(ids, counts, Arrays(*map(np.array, columns))))
    rest = unpack_together(99, data).after(9 + cut)
    assert rest.ids.tolist() == ids[cut:].tolist()
    assert rest.points.steps.tolist() == columns.steps[cut:]
    assert bits(unpack(data)) == bits(columns)


def test_one_batch_alone_is_one_part() -> None:
    alone = unpack_together(7, pack(Columns([1, 2], [0.5, 0.25], [1.0, 2.0])))
    assert (alone.ids.tolist(), alone.counts.tolist()) == ([7], [2])
    assert alone.after(7).points.steps.tolist() == []


def test_what_an_earlier_version_compressed_is_read() -> None:
    raw = struct.pack("<2q4d", 1, 2, 0.5, 0.25, 10.0, 11.0)
    assert unpack(b"\x01" + zlib.compress(raw)) == Columns([1, 2], [0.5, 0.25], [10.0, 11.0])


@pytest.mark.parametrize(("bytes_a_point", "as_single"), [(7, True), (11, False)])
def test_what_trainings_report_takes_little(bytes_a_point: float, as_single: bool) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=10_000)
    if as_single:
        values = values.astype(np.float32).astype(float)
    times = 1.76e9 + np.cumsum(rng.uniform(0.001, 0.01, 10_000))
    points = Arrays(np.arange(10_000), values, times)
    assert len(pack_arrays(points)) < bytes_a_point * 10_000
    assert (unpack_arrays(pack_arrays(points)).times == times).all()
