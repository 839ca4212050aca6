"""The tables. Columns bear the names of the fields of `launcher.model` that they hold.

Two groups: `main`, and `points` (metric points), which with SQLite has a file of its own so that
a flood of metrics never keeps the scheduler from writing. A change here needs a migration beside
it: a test compares the two.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from launcher.store.dialect import BigId

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


def _job_id(**options: Any) -> Column[Any]:
    return Column("job_id", Text, ForeignKey("jobs.id"), nullable=False, **options)


server = Table(
    "server",
    main,
    Column("id", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
)

jobs = Table(
    "jobs",
    main,
    Column("id", Text, primary_key=True),
    Column("random_part", Text, nullable=False),
    Column("idempotency_key", Words, unique=True),
    Column("name", Words, nullable=False),
    Column("project", Words, nullable=False),
    Column("priority", BigInteger, nullable=False),
    Column("cluster", Words, nullable=False),
    Column("spec", Json, nullable=False),
    Column("code", Text, nullable=False),
    Column("resources", Json, nullable=False),
    Column("policy", Json, nullable=False),
    Column("submitted_at", Double, nullable=False),
    Column("user", Words, nullable=False),
    Column("state", Text, nullable=False),
    Column("queued_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("newest_allocation", Integer),
    Column("newest_attempt", Integer),
    Column("failures", Integer, nullable=False),
    Column("fruitless", Integer, nullable=False),
    Column("not_before", Double, nullable=False),
    Column("reason", Words, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("from_checkpoint", BigInteger),
    Column("from_step", BigInteger),
    Column("held_at", Double),
    Column("after", Json, nullable=False, server_default="[]"),
    Column("array_id", Text),
    Column("array_index", BigInteger),
    Column("array_count", Integer),
    Column("array_limit", Integer),
    Column("array_waits", Boolean, nullable=False, server_default=false()),
    Column("kept_back_s", Double, nullable=False, server_default="0"),
    Index(None, "state", "submitted_at"),
    # All that the list of jobs is looked through by: no row is read that is not shown.
    Index("ix_jobs_listing", "submitted_at", "id", "state", "project", "user", "name", "cluster"),
    Index(None, "from_checkpoint"),
    Index(None, "array_id", "array_waits", "state"),
    Index(None, "project", "state"),
)

awaited = Table(
    "awaited",
    main,
    _job_id(primary_key=True),
    Column("other", Text, primary_key=True),  # a job or an array
    Column("success", Boolean, nullable=False),  # its success; else its end
    Index(None, "other"),
)

allocations = Table(
    "allocations",
    main,
    _job_id(primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("cluster", Words, nullable=False),
    Column("slots", Json, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("state", Text, nullable=False),
    Index(None, "cluster", "state"),
)

attempts = Table(
    "attempts",
    main,
    _job_id(primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("allocation", Integer, nullable=False),
    Column("granted_at", Double, nullable=False),
    Column("resume_step", BigInteger),
    Column("resume_checkpoint", BigInteger),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("stopping", Text),
    Column("stopping_since", Double),
    Column("force", Boolean, nullable=False),
    Column("verdict", Json),
)

events = Table(
    "events",
    main,
    Column("id", BigId, primary_key=True),
    _job_id(),
    Column("time", Double, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Words, nullable=False),
    Column("attempt", Integer),
    Index(None, "job_id", "id"),
    sqlite_autoincrement=True,  # ids are cursors: one that was taken never comes again
)

stragglers = Table(
    "stragglers",
    main,
    _job_id(primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("node", Words, nullable=False),
    Column("factor", Double, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("since", Double, nullable=False),
)

clusters = Table(
    "clusters",
    main,
    Column("name", Text, primary_key=True),
    Column("kind", Words, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("session_host", Words, nullable=False),
    Column("ray_version", Words, nullable=False),
    Column("last_seen", Double, nullable=False),
    Column("nodes", Json, nullable=False),
)

logs = Table(
    "logs",
    main,
    _job_id(primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("stream", Text, primary_key=True),
    Column("length", BigInteger, nullable=False),
    Column("gaps", Json),
    Column("missing", BigInteger, nullable=False, server_default="0"),  # bytes of all gaps
)

retention = Table(
    "retention",
    main,
    Column("project", Words, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", Double),
)

projects = Table(
    "projects",
    main,
    Column("name", Text, primary_key=True),
    Column("weight", Double, nullable=False),
    Column("gpus", Double),  # NULL, here and below: no limit
    Column("cpus", Double),
    Column("running", BigInteger),
    Column("queued", BigInteger),
)

usage = Table(
    "usage",
    main,
    Column("project", Text, primary_key=True),
    Column("user", Words, primary_key=True),
    Column("gpu_s", Double, nullable=False),
    Column("cpu_s", Double, nullable=False),
    Column("at", Double, nullable=False),
)

expired = Table(
    "expired",
    main,
    _job_id(primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("at", Double, nullable=False),
    Column("size", BigInteger, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    main,
    Column("id", BigId, primary_key=True),
    _job_id(),
    Column("attempt", Integer, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("rank", Integer, nullable=False),  # -1: of the whole gang; below: of watched files
    Column("manifest", Json, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("pruned", Boolean, nullable=False),
    UniqueConstraint("job_id", "attempt", "step", "rank"),
    sqlite_autoincrement=True,
)

checkpoint_parts = Table(
    "checkpoint_parts",
    main,
    _job_id(primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("world_size", Integer, nullable=False),
    Column("manifest", Json, nullable=False),
)

outputs = Table(
    "outputs",
    main,
    _job_id(primary_key=True),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("path", Words, primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("mode", Integer, nullable=False),
    Column("collected_at", Double, nullable=False),
    Index(None, "sha256"),
)

secrets = Table(
    "secrets",
    main,
    Column("project", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("user", Words, nullable=False),
    Column("set_at", Double, nullable=False),
)

outbox = Table(
    "outbox",
    main,
    Column("id", BigId, primary_key=True),
    _job_id(),
    Column("message_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("url", Words, nullable=False),
    Column("url_secret", Text, nullable=False),
    Column("body", Words, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", Double),  # NULL: it is over, delivered or given up
    Column("delivered_at", Double),
    Column("problem", Words, nullable=False),
    Index(None, "next_at"),
    Index(None, "job_id"),
    sqlite_autoincrement=True,
)

spools = Table(
    "spools",
    points,
    Column("job_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    # `spool`: the rank's own; `observed`: what its agent read by itself.
    Column("stream", Text, primary_key=True, server_default="spool"),
    Column("length", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("unreadable", BigInteger, nullable=False),
    Column("first_step", BigInteger),
    Column("first_at", Double),
    Column("step", BigInteger),
    Column("total_steps", BigInteger),
    Column("last_at", Double),
    Column("rest", LargeBinary, nullable=False),
)

series = Table(
    "series",
    points,
    Column("id", BigId, primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("name", Words, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_step", BigInteger, nullable=False),
    Column("last_attempt", Integer, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("last_value", Double),  # SQLite stores NaN as NULL
    UniqueConstraint("job_id", "rank", "name"),
    sqlite_autoincrement=True,
)

batches = Table(
    "batches",
    points,
    Column("id", BigId, primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("series_id", BigId, ForeignKey("series.id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index(None, "job_id", "id"),
    Index(None, "series_id", "id"),
    sqlite_autoincrement=True,
)

generations = Table(  # launcher/store/compaction.py
    "generations",
    points,
    Column("job_id", Text, primary_key=True),
    Column("high", BigId, primary_key=True, autoincrement=False),
    Column("low", BigId, nullable=False),
    Column("points", BigInteger, nullable=False),
)

unread = Table(
    "unread",
    points,
    Column("id", BigId, primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("lines", LargeBinary, nullable=False),
    Index(None, "job_id"),
    sqlite_autoincrement=True,
)

sampled = Table(  # how much of each node's samples was taken, as `spools` tells of ranks' reports
    "sampled",
    points,
    Column("job_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("rank", Integer, primary_key=True, autoincrement=False),  # the first one of the node
    Column("length", BigInteger, nullable=False),
    Column("unreadable", BigInteger, nullable=False),
    Column("rest", LargeBinary, nullable=False),
)

sample_series = Table(
    "sample_series",
    points,
    Column("id", BigId, primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("rank", Integer, nullable=False),  # of what is a node's: the node's number
    Column("count", BigInteger, nullable=False),
    Column("first_at", Double, nullable=False),
    Column("attempt", Integer, nullable=False),  # the newest
    Column("last_at", Double, nullable=False),
    Column("last_value", Double, nullable=False),
    Column("sum", Double, nullable=False),
    Column("highest", Double, nullable=False),
    Column("tail", LargeBinary, nullable=False),  # points of `attempt` that no batch holds yet
    UniqueConstraint("job_id", "name", "rank"),
    sqlite_autoincrement=True,
)

sample_batches = Table(
    "sample_batches",
    points,
    Column("id", BigId, primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("series_id", BigId, ForeignKey("sample_series.id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index(None, "series_id", "id"),
    Index(None, "job_id"),
    sqlite_autoincrement=True,
)
