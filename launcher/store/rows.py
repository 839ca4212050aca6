"""Objects of `launcher.model` as rows and back: columns have their fields' names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Column, Table

from launcher.model import codec

T = TypeVar("T")


def row_of(thing: Any, table: Table, *, but: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The columns of `table` that are fields of the dataclass `thing`, and are not in `but`."""
    kind: Any = type(thing)
    return {name: codec.encode(getattr(thing, name)) for name in _shared(kind, table, but)}


def from_row(cls: type[T], row: Mapping[Any, Any], **more: Any) -> T:
    """The dataclass that `row` holds; columns that are no fields of it are passed over."""
    return codec.decode(cls, {**row, **more})


def labelled(table: Table, prefix: str) -> list[Any]:
    """The table's columns, to be selected beside those of another table."""
    return [column.label(prefix + column.name) for column in _columns(table)]


def part(row: Mapping[Any, Any], table: Table, prefix: str) -> dict[str, Any] | None:
    """What an outer join gave for a `labelled` table; None when it found no row there."""
    values = {column.name: row[prefix + column.name] for column in _columns(table)}
    key = next(iter(table.primary_key))
    return values if values[key.name] is not None else None


@cache
def _shared(cls: type, table: Table, but: frozenset[str]) -> tuple[str, ...]:
    """The names that are both of a field and of a column."""
    fields = {field.name for field in dataclasses.fields(cls)} - but
    return tuple(column.name for column in table.c if column.name in fields)


def _columns(table: Table) -> list[Column[Any]]:
    return list(table.c)
