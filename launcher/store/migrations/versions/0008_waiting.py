"""Jobs that are held, wait for others, or are elements of an array."""

import sqlalchemy as sa
from alembic import context, op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    if "main" not in context.config.attributes["parts"]:
        return
    op.add_column("jobs", sa.Column("held_at", sa.Double()))
    op.add_column("jobs", sa.Column("after", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("jobs", sa.Column("array_id", sa.Text()))
    op.add_column("jobs", sa.Column("array_index", sa.BigInteger()))
    op.add_column("jobs", sa.Column("array_count", sa.Integer()))
    op.add_column("jobs", sa.Column("array_limit", sa.Integer()))
    op.add_column(
        "jobs",
        sa.Column("array_waits", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("jobs", sa.Column("kept_back_s", sa.Double(), nullable=False, server_default="0"))
    op.create_index(
        "ix_jobs_array_id_array_waits_state", "jobs", ["array_id", "array_waits", "state"]
    )
    op.create_table(
        "awaited",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False),
        sa.Column("success", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "other", name="pk_awaited"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_awaited_job_id"),
    )
    op.create_index("ix_awaited_other", "awaited", ["other"])
