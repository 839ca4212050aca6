"""Outputs of jobs, and jobs that begin from another one's checkpoint."""

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    if "main" not in context.config.attributes["parts"]:
        return
    op.create_table(
        "outputs",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("mode", sa.Integer(), nullable=False),
        sa.Column("collected_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "rank", "path", name="pk_outputs"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_outputs_job_id"),
    )
    op.create_index("ix_outputs_sha256", "outputs", ["sha256"])
    op.add_column("jobs", sa.Column("from_checkpoint", sa.BigInteger()))
    op.add_column("jobs", sa.Column("from_step", sa.BigInteger()))
    op.create_index("ix_jobs_from_checkpoint", "jobs", ["from_checkpoint"])
