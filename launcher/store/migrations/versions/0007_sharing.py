"""Projects with their quotas; what their users held in the past."""

import sqlalchemy as sa
from alembic import context, op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    if "main" not in context.config.attributes["parts"]:
        return
    op.create_table(
        "projects",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("gpus", sa.Double()),
        sa.Column("cpus", sa.Double()),
        sa.Column("running", sa.BigInteger()),
        sa.Column("queued", sa.BigInteger()),
        sa.PrimaryKeyConstraint("name", name="pk_projects"),
    )
    op.create_table(
        "usage",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("gpu_s", sa.Double(), nullable=False),
        sa.Column("cpu_s", sa.Double(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("project", "user", name="pk_usage"),
    )
    op.create_index("ix_jobs_project_state", "jobs", ["project", "state"])
