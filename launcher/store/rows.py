"""Objects of `launcher.model` as rows and back: columns have their fields' names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import Column, Table

from launcher.model import codec

T = TypeVar("T")


def row_of(thing: Any, table: Table) -> dict[str, Any]:
    """The columns of `table` that are fields of the dataclass `thing`."""
    values = codec.encode(thing)
    return {name: values[name] for name in table.c.keys() if name in values}  # noqa: SIM118 - iterating it gives columns


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


def _columns(table: Table) -> list[Column[Any]]:
    return list(table.c)
