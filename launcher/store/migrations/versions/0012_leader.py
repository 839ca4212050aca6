"""Which of several servers decides: a row, of PostgreSQL alone ever written again."""

import sqlalchemy as sa
from alembic import context, op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    if "main" not in context.config.attributes["parts"]:
        return
    leader = op.create_table(
        "leader",
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("renewed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name="pk_leader"),
    )
    op.bulk_insert(leader, [{"epoch": 0, "holder": "", "url": "", "renewed_at": 0.0}])
