"""Reads the figures out of one record of TensorBoard's event files, with tensorboard's own parser.

Protobuf messages only: nothing of a record is executed, and a tensor is made only when it says of
itself that it is a single number (one that claims a shape of a billion would take the memory for
it). tensorboard is not among what a server needs; without it records are kept as they came.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple


class Figure(NamedTuple):
    """A scalar under its tag. `time`: seconds since the epoch by the writer's clock."""

    tag: str
    step: int
    value: float
    time: float


ReadEvent = Callable[[bytes], list[Figure]]
"""Raises ValueError when the bytes are no event."""
_SCALARS = {"", "scalars"}


@cache
def reader() -> ReadEvent | None:
    """What reads a record; None where tensorboard is not installed."""
    try:
        # Half a second once, and only of servers whose jobs write such files.
        from google.protobuf.message import DecodeError
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError:
        return None

    def read(record: bytes) -> list[Figure]:
        try:
            event = Event.FromString(record)
        except DecodeError as error:
            raise ValueError(str(error)) from error
        figures = []
        for value in event.summary.value:
            number = _number(value, make_ndarray)
            if number is not None:
                figures.append(Figure(value.tag, event.step, number, event.wall_time))
        return figures

    return read


def _number(value: Any, make_ndarray: Callable[[Any], Any]) -> float | None:
    """The scalar that a summary holds, as TensorFlow 1 and torch or as TensorFlow 2 write it."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return float(value.simple_value)
    if kind != "tensor" or value.metadata.plugin_data.plugin_name not in _SCALARS:
        return None
    shape = value.tensor.tensor_shape
    if shape.unknown_rank or any(dim.size != 1 for dim in shape.dim):
        return None
    try:
        array = make_ndarray(value.tensor)
    except (TypeError, ValueError):  # of a type that has no numbers, or with too few bytes
        return None
    if array.size != 1 or array.dtype.kind not in "fiub":
        return None
    return float(array.reshape(()).item())
