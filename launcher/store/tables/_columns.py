"""What all tables are made of: their two groups, and columns for what people and programs wrote."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    MetaData,
    Text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
main = MetaData(naming_convention=_NAMING)
points = MetaData(naming_convention=_NAMING)


def storable(text: str) -> str:
    r"""The text without what no database takes: NUL and halves of surrogate pairs.

    >>> storable("loss\x00" + chr(0xD800)) == "loss\ufffd?"
    True
    """
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


class Words(TypeDecorator[str]):
    """Text that people or their programs wrote: it may hold anything."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else storable(value)


class Json(TypeDecorator[Any]):
    """JSON as text: PostgreSQL's own JSON types refuse NaN and NUL, which metrics and logs hold."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else json.loads(value)


def of_job(**options: Any) -> Column[Any]:
    return Column("job_id", Text, ForeignKey("jobs.id"), nullable=False, **options)
