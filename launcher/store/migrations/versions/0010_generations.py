"""Batches of metric points that were put together."""

import sqlalchemy as sa
from alembic import context, op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    if "points" not in context.config.attributes["parts"]:
        return
    big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "generations",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("high", big_id, autoincrement=False, nullable=False),
        sa.Column("low", big_id, nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "high", name="pk_generations"),
    )
