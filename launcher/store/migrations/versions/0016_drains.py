"""Nodes that somebody wants left, and why attempts are being stopped, in words."""

import sqlalchemy as sa
from alembic import context, op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    if "main" not in context.config.attributes["parts"]:
        return
    op.create_table(
        "drains",
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("when_idle", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("cluster", "node", name="pk_drains"),
    )
    op.add_column(
        "attempts", sa.Column("stopping_words", sa.Text(), nullable=False, server_default="")
    )
