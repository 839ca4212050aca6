"""Which job names which blob, as rows: what manifests and locks say in JSON has an index."""

import json
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import context, op

revision = "0017"
down_revision = "0016"

_AT_ONCE = 500


def upgrade() -> None:
    if "main" not in context.config.attributes["parts"]:
        return
    op.create_table(
        "named_blobs",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "sha256", name="pk_named_blobs"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_named_blobs_job_id"),
        sqlite_with_rowid=False,
    )
    tx = op.get_bind()
    new = sa.text(
        "INSERT INTO named_blobs (job_id, sha256) VALUES (:job, :digest) ON CONFLICT DO NOTHING"
    )
    for named in (_of_checkpoints(tx), _of_parts(tx), _of_locks(tx)):
        for pairs in named:
            if pairs:
                tx.execute(new, [{"job": job, "digest": digest} for job, digest in sorted(pairs)])
    op.create_index("ix_named_blobs_sha256", "named_blobs", ["sha256"])


def _of_checkpoints(tx: sa.Connection) -> Iterator[set[tuple[str, str]]]:
    query = sa.text(
        "SELECT id, job_id, manifest FROM checkpoints"
        f" WHERE id > :last AND NOT pruned ORDER BY id LIMIT {_AT_ONCE}"
    )
    last = 0
    while rows := tx.execute(query, {"last": last}).all():
        last = rows[-1][0]
        yield {pair for _, job, manifest in rows for pair in _files(job, manifest)}


def _of_parts(tx: sa.Connection) -> Iterator[set[tuple[str, str]]]:
    jobs = tx.scalars(sa.text("SELECT DISTINCT job_id FROM checkpoint_parts")).all()
    for job in jobs:
        query = sa.text("SELECT manifest FROM checkpoint_parts WHERE job_id = :job")
        manifests = tx.scalars(query, {"job": job}).all()
        yield {pair for manifest in manifests for pair in _files(job, manifest)}


def _of_locks(tx: sa.Connection) -> Iterator[set[tuple[str, str]]]:
    query = sa.text(f"SELECT id, policy FROM jobs WHERE id > :last ORDER BY id LIMIT {_AT_ONCE}")
    last = ""
    while rows := tx.execute(query, {"last": last}).all():
        last = rows[-1][0]
        locks = ((job, json.loads(policy).get("lock")) for job, policy in rows)
        yield {(job, lock) for job, lock in locks if lock}


def _files(job: str, manifest: str) -> Iterator[tuple[str, str]]:
    return ((job, entry["sha256"]) for entry in json.loads(manifest)["files"])
