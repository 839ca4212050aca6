"""Dataclasses as JSON values and back: written strict, read lenient.

The standard library alone, since agents and the light commands have nothing else; a dataclass is
its own schema.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from enum import Enum
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


def encode(message: Any) -> Any:
    """A message as JSON values."""
    if dataclasses.is_dataclass(message) and not isinstance(message, type):
        return {f.name: encode(getattr(message, f.name)) for f in dataclasses.fields(message)}
    if isinstance(message, Enum):
        return message.value
    if isinstance(message, dict):
        return {key: encode(value) for key, value in message.items()}
    if isinstance(message, list | tuple):
        return [encode(value) for value in message]
    return message


def decode(cls: type[T], data: Any) -> T:
    """A message from JSON values. Unknown keys are ignored; missing ones take their defaults.

    Raises:
        ValueError: the data has not the message's shape; the text names the place.
    """
    return typing.cast("T", _decode(cls, data, cls.__name__))


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _decode(kind: Any, data: Any, place: str) -> Any:  # noqa: PLR0911 - one return a kind of type
    origin = typing.get_origin(kind)
    if kind is Any:
        return data
    if origin in {typing.Union, types.UnionType}:
        if data is None:
            return None
        inner = next(arg for arg in typing.get_args(kind) if arg is not type(None))
        return _decode(inner, data, place)
    if origin is typing.Literal:
        return _expect(data in typing.get_args(kind), data, data, place)
    if origin is tuple:
        _expect(isinstance(data, list), data, data, place)
        inner = typing.get_args(kind)[0]
        return tuple(_decode(inner, item, f"{place}[{i}]") for i, item in enumerate(data))
    if origin is dict:
        _expect(isinstance(data, dict), data, data, place)
        inner = typing.get_args(kind)[1]
        return {key: _decode(inner, item, f"{place}.{key}") for key, item in data.items()}
    if dataclasses.is_dataclass(kind):
        return _decode_fields(typing.cast("type", kind), data, place)
    return _decode_scalar(kind, data, place)


def _decode_fields(cls: type, data: Any, place: str) -> Any:
    _expect(isinstance(data, dict), data, data, place)
    hints = _hints(cls)
    known = {}
    for f in dataclasses.fields(cls):
        if f.name in data:
            known[f.name] = _decode(hints[f.name], data[f.name], f"{place}.{f.name}")
        elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise ValueError(f"{place}: '{f.name}' is missing")
    return cls(**known)


def _decode_scalar(kind: Any, data: Any, place: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(data)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from error
    if kind is float:
        _expect(_is_number(data), data, data, place)
        try:
            return float(data)
        except OverflowError as error:
            raise ValueError(f"{place}: {error}") from error
    fits = isinstance(data, kind) and (kind is bool or not isinstance(data, bool))
    return _expect(fits, data, data, place)


def _is_number(data: Any) -> bool:
    return isinstance(data, int | float) and not isinstance(data, bool)


def _expect(holds: bool, value: Any, shown: Any, place: str) -> Any:
    if not holds:
        raise ValueError(f"{place}: {shown!r} does not fit")
    return value
