"""The list of jobs is looked through by an index alone."""

from alembic import context, op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    if "main" not in context.config.attributes["parts"]:
        return
    op.drop_index("ix_jobs_submitted_at", "jobs")
    op.create_index(
        "ix_jobs_listing",
        "jobs",
        ["submitted_at", "id", "state", "project", "user", "name", "cluster"],
    )
