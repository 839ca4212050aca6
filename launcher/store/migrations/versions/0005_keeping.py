"""What is missing of logs; what is kept for how long."""

import sqlalchemy as sa
from alembic import context, op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    if "main" not in context.config.attributes["parts"]:
        return
    op.add_column("logs", sa.Column("gaps", sa.Text()))
    op.add_column("logs", sa.Column("missing", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "retention",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Double()),
        sa.PrimaryKeyConstraint("project", "kind", name="pk_retention"),
    )
    op.create_table(
        "expired",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "kind", name="pk_expired"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_expired_job_id"),
    )
