"""Points of one series as bytes: a mark, then steps, values and times, each as one column.

Columns of like numbers compress well; a handful of points does not, and stays as it is.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

_RAW, _ZLIB = b"\x00", b"\x01"
_WORTH_A_TRY = 1024  # bytes
_BYTES_A_POINT = 24

STEPS = range(-(2**63), 2**63)
"""The steps that can be stored."""


class Columns(NamedTuple):
    """The i-th step, value and time make the i-th point."""

    steps: list[int]
    values: list[float]
    times: list[float]


def pack(columns: Columns) -> bytes:
    count = len(columns.steps)
    raw = struct.pack(f"<{count}q{2 * count}d", *columns.steps, *columns.values, *columns.times)
    if len(raw) >= _WORTH_A_TRY:
        small = zlib.compress(raw, 1)
        if len(small) < 0.8 * len(raw):
            return _ZLIB + small
    return _RAW + raw


def unpack(data: bytes) -> Columns:
    raw = zlib.decompress(data[1:]) if data[:1] == _ZLIB else data[1:]
    count = len(raw) // _BYTES_A_POINT
    numbers = struct.unpack(f"<{count}q{2 * count}d", raw)
    steps, values, times = (list(numbers[i * count : (i + 1) * count]) for i in range(3))
    return Columns(steps, values, times)
