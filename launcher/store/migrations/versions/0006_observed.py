"""Figures that agents read by themselves: a stream beside the ranks' own; what cannot be read yet."""

import sqlalchemy as sa
from alembic import context, op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    if "points" not in context.config.attributes["parts"]:
        return
    with op.batch_alter_table("spools") as spools:
        spools.add_column(sa.Column("stream", sa.Text(), nullable=False, server_default="spool"))
        spools.drop_constraint("pk_spools", type_="primary")
        spools.create_primary_key("pk_spools", ["job_id", "attempt", "rank", "stream"])
    big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "unread",
        sa.Column("id", big_id, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("lines", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_unread"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_unread_job_id", "unread", ["job_id"])
