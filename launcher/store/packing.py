"""Points of one series as bytes, each column in the smallest shape that loses nothing.

Behind a mark stands either a handful of points as they are, or the number of points and three
columns, each with a byte that tells its shape and its size:

- steps that grow evenly are their first one and the distance; others the smallest distance and
  how much more each one is;
- values that are all the same are one; those that came out of 32 bits are stored as such;
- times are whole multiples of a fraction of a second (floats of our days are), and stored as steps.

Nothing is compressed further: a million points are read in milliseconds.

Batches that were put together (`launcher.store.compaction`) begin with the id of each and the
number of its points, as columns too.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_RAW, _ZLIB, _COLUMNS, _TOGETHER = b"\x00", b"\x01", b"\x02", b"\x03"
_WORTH_A_TRY = 32
"""Points."""
_BYTES_A_POINT = 24
_HEAD = struct.Struct("<IBIBIBI")
"""Number of points; shape and size in bytes of each column."""
_PARTS = struct.Struct("<IBIBI")
"""Number of batches; shape and size in bytes of their ids, and of their numbers of points."""
_PAIR = struct.Struct("<qq")

_PLAIN, _EVEN, _SAME, _SINGLE = 0, 1, 2, 3
_DISTANCES = {4: "<u1", 5: "<u2", 6: "<u4"}
"""Shape -> type of how much each distance is above the smallest one."""
_TICKS = 16
"""Added to a shape: the floats are whole numbers of ticks."""
_TICKS_A_SECOND = 2.0**22
"""As fine as floats are from 2004 to 2038; later ones are coarser, so that it fits too."""
_MOST_TICKS = 2.0**60

STEPS = range(-(2**63), 2**63)
"""The steps that can be stored."""

Whole = NDArray[np.int64]
Real = NDArray[np.float64]


class Columns(NamedTuple):
    """The i-th step, value and time make the i-th point."""

    steps: list[int]
    values: list[float]
    times: list[float]


class Arrays(NamedTuple):
    """The same as arrays, which nobody may change."""

    steps: Whole
    values: Real
    times: Real

    def part(self, start: int, end: int) -> Arrays:
        return Arrays(self.steps[start:end], self.values[start:end], self.times[start:end])


class Together(NamedTuple):
    """Batches of one series in one attempt: their growing ids, numbers of points, and those."""

    ids: Whole
    counts: Whole
    points: Arrays

    def after(self, batch: int) -> Together:
        """Without the batches up to this one."""
        first = int(np.searchsorted(self.ids, batch, side="right"))
        if not first:
            return self
        told = int(self.counts[:first].sum())
        rest = self.points.part(told, len(self.points.steps))
        return Together(self.ids[first:], self.counts[first:], rest)


NOTHING = Arrays(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.float64))


def joined(parts: list[Arrays]) -> Arrays:
    """The points of all parts, one after the other."""
    if len(parts) <= 1:
        return parts[0] if parts else NOTHING
    steps, values, times = zip(*parts, strict=True)
    count = sum(map(len, steps))
    if any(column.strides != (0,) for column in times):
        return Arrays(np.concatenate(steps), np.concatenate(values), np.concatenate(times))
    return Arrays(np.concatenate(steps), np.concatenate(values), _no_times(count))


def pack(columns: Columns) -> bytes:
    count = len(columns.steps)
    if count < _WORTH_A_TRY:
        numbers = (*columns.steps, *columns.values, *columns.times)
        return _RAW + struct.pack(f"<{count}q{2 * count}d", *numbers)
    steps = np.array(columns.steps, np.int64)
    return pack_arrays(Arrays(steps, np.array(columns.values), np.array(columns.times)))


def pack_arrays(points: Arrays) -> bytes:
    """The same of arrays, of any number of points."""
    columns = _packed(points.steps), _packed_values(points.values), _packed_times(points.times)
    shapes = [number for shape, data in columns for number in (shape, len(data))]
    head = _HEAD.pack(len(points.steps), *shapes)
    return b"".join([_COLUMNS, head, *(data for _, data in columns)])


def pack_together(batches: Together) -> bytes:
    (ids_shape, ids), (counts_shape, counts) = _packed(batches.ids), _packed(batches.counts)
    head = _PARTS.pack(len(batches.ids), ids_shape, len(ids), counts_shape, len(counts))
    return b"".join([_TOGETHER, head, ids, counts, pack_arrays(batches.points)])


def unpack(data: bytes) -> Columns:
    return Columns(*(column.tolist() for column in unpack_arrays(data)))


def unpack_together(row_id: int, data: bytes) -> Together:
    """The batches of a row, which may be one alone."""
    points = unpack_arrays(data)
    if data[:1] != _TOGETHER:
        return Together(np.array([row_id]), np.array([len(points.steps)]), points)
    number, ids_shape, ids_size, counts_shape, counts_size = _PARTS.unpack_from(data, 1)
    first = 1 + _PARTS.size
    second = first + ids_size
    ids = _unpacked(ids_shape, data[first:second], number)
    counts = _unpacked(counts_shape, data[second : second + counts_size], number)
    return Together(ids, counts, points)


def unpack_arrays(data: bytes, *, times: bool = True) -> Arrays:
    """Points. Without `times` those are all 0: who does not need them does not wait for them."""
    if data[:1] == _TOGETHER:
        _, _, ids_size, _, counts_size = _PARTS.unpack_from(data, 1)
        data = data[1 + _PARTS.size + ids_size + counts_size :]
    if data[:1] == _COLUMNS:
        return _unpacked_columns(data, times)
    raw = zlib.decompress(data[1:]) if data[:1] == _ZLIB else data[1:]
    count = len(raw) // _BYTES_A_POINT
    values = np.frombuffer(raw, "<f8", offset=8 * count)
    real = values[count:] if times else _no_times(count)
    return Arrays(np.frombuffer(raw, "<i8", count), values[:count], real)


def _unpacked_columns(data: bytes, with_times: bool) -> Arrays:
    count, *shapes = _HEAD.unpack_from(data, 1)
    steps, values, times = zip(shapes[::2], shapes[1::2], strict=True)
    first = 1 + _HEAD.size
    second = first + steps[1]
    third = second + values[1]
    return Arrays(
        _unpacked(steps[0], data[first:second], count),
        _unpacked_reals(values[0], data[second:third], count),
        _unpacked_reals(times[0], data[third : third + times[1]], count)
        if with_times
        else _no_times(count),
    )


def _no_times(count: int) -> Real:
    """So many zeros, which take no memory."""
    return np.broadcast_to(np.float64(0), count)


def _packed(numbers: Whole) -> tuple[int, bytes]:
    """Shape and bytes of whole numbers."""
    if not len(numbers):
        return _PLAIN, b""
    first = int(numbers[0])
    if len(numbers) == 1:
        return _EVEN, _PAIR.pack(first, 0)
    # What is too far apart for 63 bits wraps around, here and back again.
    distances = np.diff(numbers)
    least, most = int(distances.min()), int(distances.max())
    if least == most:
        return _EVEN, _PAIR.pack(first, least)
    for shape, kind in _DISTANCES.items():
        if most - least <= np.iinfo(kind).max:
            return shape, _PAIR.pack(first, least) + (distances - least).astype(kind).tobytes()
    return _PLAIN, numbers.astype("<i8").tobytes()


def _unpacked(shape: int, data: bytes, count: int) -> Whole:
    if shape == _PLAIN:
        return np.frombuffer(data, "<i8")
    first, least = _PAIR.unpack_from(data)
    if shape == _EVEN:
        even: Whole = first + least * np.arange(count, dtype=np.int64)
        return even
    more = np.frombuffer(data, _DISTANCES[shape], offset=_PAIR.size)
    numbers = np.empty(count, np.int64)
    numbers[0] = first
    np.add(more, least, out=numbers[1:], casting="unsafe", dtype=np.int64)
    np.cumsum(numbers, out=numbers)
    return numbers


def _packed_values(values: Real) -> tuple[int, bytes]:
    """Shape and bytes of any floats, of which none is changed: signs of zeros and NaN neither."""
    bits = values.view(np.int64)
    if len(values) and (bits == bits[0]).all():
        return _SAME, values[:1].astype("<f8").tobytes()
    with np.errstate(all="ignore"):
        single = values.astype("<f4")
    if (single.astype(np.float64).view(np.int64) == bits).all():
        return _SINGLE, single.tobytes()
    return _PLAIN, values.astype("<f8").tobytes()


def _packed_times(times: Real) -> tuple[int, bytes]:
    """The same of floats that grow slowly."""
    with np.errstate(over="ignore"):
        ticks = times * _TICKS_A_SECOND
    if len(times) and (np.abs(ticks) < _MOST_TICKS).all() and (ticks == np.floor(ticks)).all():
        whole = ticks.astype(np.int64)
        if not (np.signbit(times) & (whole == 0)).any():
            shape, data = _packed(whole)
            if shape != _PLAIN:
                return _TICKS + shape, data
    return _packed_values(times)


def _unpacked_reals(shape: int, data: bytes, count: int) -> Real:
    if shape == _PLAIN:
        return np.frombuffer(data, "<f8")
    if shape == _SINGLE:
        return np.frombuffer(data, "<f4").astype(np.float64)
    if shape == _SAME:
        return np.full(count, np.frombuffer(data, "<f8")[0])
    return _unpacked(shape - _TICKS, data, count) / _TICKS_A_SECOND
