"""Dataclasses as JSON values and back: written strict, read lenient.

The standard library alone, since agents and the light commands have nothing else; a dataclass is
its own schema. How a type is read is found out once, not for every message.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")
Reader = Callable[[Any], Any]


def encode(message: Any) -> Any:
    """A message as JSON values."""
    kind = type(message)
    if kind in _PLAIN:
        return message
    if dataclasses.is_dataclass(kind):
        return {name: encode(getattr(message, name)) for name in _names(kind)}
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
    try:
        return typing.cast("T", _reader(typing.cast("Any", cls))(data))
    except _MisfitError as misfit:
        raise ValueError(f"{cls.__name__}{misfit.place}: {misfit}") from misfit


class _MisfitError(Exception):
    """Something does not fit. The place grows outwards while it is passed on."""

    place = ""


_PLAIN = frozenset({str, int, float, bool, type(None)})


@cache
def _names(cls: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls))


@cache
def _reader(kind: Any) -> Reader:  # noqa: PLR0911 - one return a kind of type
    """What makes a value of this type of JSON values."""
    origin = typing.get_origin(kind)
    if kind is Any:
        return _as_it_is
    if origin in {typing.Union, types.UnionType}:
        return _optional(_reader(next(a for a in typing.get_args(kind) if a is not type(None))))
    if origin is typing.Literal:
        return _one_of(typing.get_args(kind))
    if origin is tuple:
        return _items(_reader(typing.get_args(kind)[0]))
    if origin is dict:
        return _values(_reader(typing.get_args(kind)[1]))
    if dataclasses.is_dataclass(kind):
        return _fields(typing.cast("type", kind))
    if issubclass(kind, Enum):
        return _member(kind)
    return _number if kind is float else _scalar(kind)


def _as_it_is(data: Any) -> Any:
    return data


def _optional(inner: Reader) -> Reader:
    return lambda data: None if data is None else inner(data)


def _one_of(choices: tuple[Any, ...]) -> Reader:
    return lambda data: data if data in choices else _misfit(data)


def _items(inner: Reader) -> Reader:
    def read(data: Any) -> Any:
        if not isinstance(data, list):
            _misfit(data)
        place = 0
        items = []
        try:
            for place, item in enumerate(data):  # noqa: B007 - told when an item does not fit
                items.append(inner(item))
        except _MisfitError as misfit:
            misfit.place = f"[{place}]{misfit.place}"
            raise
        return tuple(items)

    return read


def _values(inner: Reader) -> Reader:
    def read(data: Any) -> Any:
        if not isinstance(data, dict):
            _misfit(data)
        key = None
        values = {}
        try:
            for key, value in data.items():
                values[key] = inner(value)
        except _MisfitError as misfit:
            misfit.place = f".{key}{misfit.place}"
            raise
        return values

    return read


def _fields(cls: type) -> Reader:
    hints = typing.get_type_hints(cls)
    fields = [(field.name, _reader(hints[field.name])) for field in dataclasses.fields(cls)]
    needed = [
        field.name
        for field in dataclasses.fields(cls)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]

    def read(data: Any) -> Any:
        if not isinstance(data, dict):
            _misfit(data)
        name = ""
        known = {}
        try:
            for name, reader in fields:
                if name in data:
                    known[name] = reader(data[name])
        except _MisfitError as misfit:
            misfit.place = f".{name}{misfit.place}"
            raise
        for name in needed:
            if name not in known:
                raise _MisfitError(f"'{name}' is missing")
        return cls(**known)

    return read


def _member(kind: type[Enum]) -> Reader:
    def read(data: Any) -> Any:
        try:
            return kind(data)
        except ValueError as error:
            raise _MisfitError(str(error)) from error

    return read


def _number(data: Any) -> float:
    if not isinstance(data, int | float) or isinstance(data, bool):
        _misfit(data)
    try:
        return float(data)
    except OverflowError as error:
        raise _MisfitError(str(error)) from error


def _scalar(kind: type) -> Reader:
    def read(data: Any) -> Any:
        if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
            _misfit(data)
        return data

    return read


def _misfit(data: Any) -> NoReturn:
    raise _MisfitError(f"{data!r} does not fit")
