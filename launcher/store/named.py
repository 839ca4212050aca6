"""Which blobs rows name, asked by digest: what nothing names may go.

Manifests and policies are JSON, which no index looks into: the table `named_blobs` has a row for
each job and each blob that its kept checkpoints, parts of them and its lock name. Who writes one of
these keeps it in step, in the same transaction. Outputs and code have columns of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from sqlalchemy import Connection, delete, exists, not_, select

from launcher.store import dialect, tables

_named, _jobs, _expired = tables.named_blobs, tables.jobs, tables.expired
_checkpoints, _parts = tables.checkpoints, tables.checkpoint_parts

_AT_ONCE = 500
"""Values in one statement: every database takes so many."""


def note(tx: Connection, job_id: str, digests: Collection[str]) -> None:
    """The job names these from now on; again is no harm."""
    if digests:
        rows = [{"job_id": job_id, "sha256": digest} for digest in sorted(digests)]
        tx.execute(dialect.insert(tx, _named).on_conflict_do_nothing(), rows)


def settle(tx: Connection, job_id: str) -> None:
    """Look again what the job names, after something of it was given up."""
    wanted = _in_json(tx, job_id)
    known = set(tx.scalars(select(_named.c.sha256).where(_named.c.job_id == job_id)))
    note(tx, job_id, wanted - known)
    for some in _slices(known - wanted):
        tx.execute(delete(_named).where(_named.c.job_id == job_id, _named.c.sha256.in_(some)))


def among(tx: Connection, digests: Iterable[str]) -> set[str]:
    """Those of the blobs that are of a checkpoint or a part of one, a lock, an output, or code."""
    without = exists().where(
        _expired.c.job_id == _jobs.c.id,
        _expired.c.kind == "code",
        _jobs.c.ended_at <= _expired.c.at,  # one that was retried has it again
    )
    found: set[str] = set()
    for some in _slices(digests):
        for column in (_named.c.sha256, tables.outputs.c.sha256):
            found |= set(tx.scalars(select(column).where(column.in_(some)).distinct()))
        codes = select(_jobs.c.code).where(_jobs.c.code.in_(some), not_(without))
        found |= set(tx.scalars(codes.distinct()))
    return found


def _in_json(tx: Connection, job_id: str) -> set[str]:
    kept = (_checkpoints.c.job_id == job_id, _checkpoints.c.pruned.is_(False))
    manifests = [
        *tx.scalars(select(_checkpoints.c.manifest).where(*kept)),
        *tx.scalars(select(_parts.c.manifest).where(_parts.c.job_id == job_id)),
    ]
    digests = {entry["sha256"] for manifest in manifests for entry in manifest["files"]}
    policy = tx.scalar(select(_jobs.c.policy).where(_jobs.c.id == job_id)) or {}
    return digests | ({policy["lock"]} if policy.get("lock") else set())


def _slices(digests: Iterable[str]) -> Iterator[list[str]]:
    ordered = sorted(digests)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]
