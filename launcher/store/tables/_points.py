"""Metric points and samples: with SQLite in a file of their own."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from launcher.store.dialect import BigId
from launcher.store.tables._columns import Words, points

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
