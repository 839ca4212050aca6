"""The first tables."""

import sqlalchemy as sa
from alembic import context, op

revision = "0001"
down_revision = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    parts = context.config.attributes["parts"]
    if "main" in parts:
        _server()
        _jobs()
        _runs()
        _events()
        _clusters()
        _logs()
        _checkpoints()
    if "points" in parts:
        _points()


def _server() -> None:
    op.create_table(
        "server",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_server"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("random_part", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("resources", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("submitted_at", sa.Double(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("queued_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double()),
        sa.Column("newest_allocation", sa.Integer()),
        sa.Column("newest_attempt", sa.Integer()),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("fruitless", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("idempotency_key", name="uq_jobs_idempotency_key"),
    )
    op.create_index("ix_jobs_state_submitted_at", "jobs", ["state", "submitted_at"])
    op.create_index("ix_jobs_submitted_at", "jobs", ["submitted_at"])


def _runs() -> None:
    op.create_table(
        "allocations",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("slots", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "number", name="pk_allocations"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_allocations_job_id"),
    )
    op.create_index("ix_allocations_cluster_state", "allocations", ["cluster", "state"])
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("allocation", sa.Integer(), nullable=False),
        sa.Column("granted_at", sa.Double(), nullable=False),
        sa.Column("resume_step", sa.BigInteger()),
        sa.Column("resume_checkpoint", sa.BigInteger()),
        sa.Column("started_at", sa.Double()),
        sa.Column("ended_at", sa.Double()),
        sa.Column("stopping", sa.Text()),
        sa.Column("stopping_since", sa.Double()),
        sa.Column("force", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.Text()),
        sa.PrimaryKeyConstraint("job_id", "number", name="pk_attempts"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_attempts_job_id"),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("time", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_events_job_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_job_id_id", "events", ["job_id", "id"])


def _clusters() -> None:
    op.create_table(
        "clusters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("session_host", sa.Text(), nullable=False),
        sa.Column("ray_version", sa.Text(), nullable=False),
        sa.Column("last_seen", sa.Double(), nullable=False),
        sa.Column("nodes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_clusters"),
    )


def _logs() -> None:
    op.create_table(
        "logs",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "attempt", "rank", "stream", name="pk_logs"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_logs_job_id"),
    )


def _checkpoints() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("pruned", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_checkpoints"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_checkpoints_job_id"),
        sa.UniqueConstraint(
            "job_id", "attempt", "step", "rank", name="uq_checkpoints_job_id_attempt_step_rank"
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "checkpoint_parts",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("world_size", sa.Integer(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "attempt", "step", "rank", name="pk_checkpoint_parts"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_checkpoint_parts_job_id"),
    )


def _points() -> None:
    op.create_table(
        "spools",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("unreadable", sa.BigInteger(), nullable=False),
        sa.Column("first_step", sa.BigInteger()),
        sa.Column("first_at", sa.Double()),
        sa.Column("step", sa.BigInteger()),
        sa.Column("total_steps", sa.BigInteger()),
        sa.Column("last_at", sa.Double()),
        sa.Column("rest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "attempt", "rank", name="pk_spools"),
    )
    op.create_table(
        "series",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_step", sa.BigInteger(), nullable=False),
        sa.Column("last_attempt", sa.Integer(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("last_value", sa.Double()),
        sa.PrimaryKeyConstraint("id", name="pk_series"),
        sa.UniqueConstraint("job_id", "rank", "name", name="uq_series_job_id_rank_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "batches",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("series_id", _BIG_ID, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name="fk_batches_series_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_batches_job_id_id", "batches", ["job_id", "id"])
    op.create_index("ix_batches_series_id_id", "batches", ["series_id", "id"])
