"""What agents measure of nodes, GPUs and ranks; the ranks that are slower than the others."""

import sqlalchemy as sa
from alembic import context, op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    if "main" in context.config.attributes["parts"]:
        _make_stragglers()
    if "points" in context.config.attributes["parts"]:
        _make_samples()


def _make_stragglers() -> None:
    op.create_table(
        "stragglers",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rank", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("factor", sa.Double(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "attempt", "rank", name="pk_stragglers"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_stragglers_job_id"),
    )


def _make_samples() -> None:
    big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "sampled",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rank", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("unreadable", sa.BigInteger(), nullable=False),
        sa.Column("rest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "attempt", "rank", name="pk_sampled"),
    )
    op.create_table(
        "sample_series",
        sa.Column("id", big_id, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("last_value", sa.Double(), nullable=False),
        sa.Column("sum", sa.Double(), nullable=False),
        sa.Column("highest", sa.Double(), nullable=False),
        sa.Column("tail", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sample_series"),
        sa.UniqueConstraint("job_id", "name", "rank", name="uq_sample_series_job_id_name_rank"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sample_batches",
        sa.Column("id", big_id, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("series_id", big_id, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sample_batches"),
        sa.ForeignKeyConstraint(
            ["series_id"], ["sample_series.id"], name="fk_sample_batches_series_id"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sample_batches_series_id_id", "sample_batches", ["series_id", "id"])
    op.create_index("ix_sample_batches_job_id", "sample_batches", ["job_id"])
