"""The list of jobs is looked through by indexes alone, by priority and by cluster too."""

from alembic import context, op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    if "main" not in context.config.attributes["parts"]:
        return
    op.drop_index("ix_jobs_listing", "jobs")
    op.create_index(
        "ix_jobs_listing",
        "jobs",
        [
            "submitted_at", "id", "state", "project", "user", "name", "cluster", "priority",
            "newest_allocation",
        ],
    )  # fmt: skip
    op.create_index("ix_allocations_listing", "allocations", ["job_id", "number", "cluster"])
