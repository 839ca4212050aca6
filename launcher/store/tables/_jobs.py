"""Jobs, what became of them and what is kept of them; the clusters, and the queue between."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from launcher.store.dialect import BigId
from launcher.store.tables._columns import Json, Words, main, of_job

server = Table(
    "server",
    main,
    Column("id", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
)

leader = Table(  # launcher/store/leader.py: one row
    "leader",
    main,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("holder", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("renewed_at", Double, nullable=False),  # by the database's clock
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
    Index(
        "ix_jobs_listing",
        "submitted_at",
        "id",
        "state",
        "project",
        "user",
        "name",
        "cluster",
        "priority",
        "newest_allocation",
    ),
    Index(None, "from_checkpoint"),
    Index(None, "array_id", "array_waits", "state"),
    Index(None, "project", "state"),
    Index(None, "code"),
)

awaited = Table(
    "awaited",
    main,
    of_job(primary_key=True),
    Column("other", Text, primary_key=True),  # a job or an array
    Column("success", Boolean, nullable=False),  # its success; else its end
    Index(None, "other"),
)

allocations = Table(
    "allocations",
    main,
    of_job(primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("cluster", Words, nullable=False),
    Column("slots", Json, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("state", Text, nullable=False),
    Index(None, "cluster", "state"),
    Index("ix_allocations_listing", "job_id", "number", "cluster"),
)

attempts = Table(
    "attempts",
    main,
    of_job(primary_key=True),
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
    Column("stopping_words", Words, nullable=False, server_default=""),
)

events = Table(
    "events",
    main,
    Column("id", BigId, primary_key=True),
    of_job(),
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
    of_job(primary_key=True),
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

drains = Table(
    "drains",
    main,
    Column("cluster", Text, primary_key=True),
    Column("node", Words, primary_key=True),
    Column("by", Words, nullable=False),
    Column("at", Double, nullable=False),
    Column("why", Words, nullable=False),
    Column("when_idle", Boolean, nullable=False),
)

kubernetes_clusters = Table(
    "kubernetes_clusters",
    main,
    Column("name", Text, primary_key=True),
    Column("settings", Json, nullable=False),
)

own_clusters = Table(
    "own_clusters",
    main,
    of_job(primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("cluster", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("uid", Text, nullable=False),
    Column("cause", Words, nullable=False),
    Index(None, "state"),
)

logs = Table(
    "logs",
    main,
    of_job(primary_key=True),
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
    of_job(primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("at", Double, nullable=False),
    Column("size", BigInteger, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    main,
    Column("id", BigId, primary_key=True),
    of_job(),
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
    of_job(primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("world_size", Integer, nullable=False),
    Column("manifest", Json, nullable=False),
)

named_blobs = Table(  # launcher/store/named.py
    "named_blobs",
    main,
    of_job(primary_key=True),
    Column("sha256", Text, primary_key=True),
    Index(None, "sha256"),
    sqlite_with_rowid=False,  # the key is all that a row has
)

outputs = Table(
    "outputs",
    main,
    of_job(primary_key=True),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("path", Words, primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("mode", Integer, nullable=False),
    Column("collected_at", Double, nullable=False),
    Index(None, "sha256"),
)

outbox = Table(
    "outbox",
    main,
    Column("id", BigId, primary_key=True),
    of_job(),
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
