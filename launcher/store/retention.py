"""Rules of retention, what has become old by them, and what went."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, exists, not_, select

from launcher.model.checkpoint import KeepBest
from launcher.model.retention import Rules
from launcher.model.states import TERMINAL
from launcher.store import checkpoints, dialect, tables
from launcher.store.checkpoints import StoredCheckpoint
from launcher.store.rows import from_row

_rules, _expired, _jobs = tables.retention, tables.expired, tables.jobs
_outputs = tables.outputs


@dataclass(frozen=True)
class Expired:
    """What went of a job, and when (seconds since the epoch). `size` in bytes."""

    job_id: str
    kind: str
    at: float
    size: int


def rules(tx: Connection) -> Rules:
    found = tx.execute(select(_rules.c.project, _rules.c.kind, _rules.c.value))
    return Rules({(project, kind): value for project, kind, value in found})


def set_rule(tx: Connection, project: str, kind: str, value: float | None) -> None:
    """`value`: None is for ever."""
    row = {"project": project, "kind": kind, "value": value}
    tx.execute(dialect.upsert(tx, _rules), row)


def forget_rule(tx: Connection, project: str, kind: str) -> None:
    """What is said elsewhere counts again."""
    tx.execute(delete(_rules).where(_rules.c.project == project, _rules.c.kind == kind))


def projects(tx: Connection) -> list[str]:
    """Of all jobs that are there."""
    return list(tx.scalars(select(_jobs.c.project).distinct().order_by(_jobs.c.project)))


def due(tx: Connection, project: str, kind: str, moment: float, limit: int) -> list[str]:
    """Jobs that ended before then and have that kind still, the oldest first."""
    gone = exists().where(
        _expired.c.job_id == _jobs.c.id,
        _expired.c.kind == kind,
        _expired.c.at >= _jobs.c.ended_at,  # one that was retried has it again
    )
    chosen = and_(
        _jobs.c.state.in_([state.value for state in TERMINAL]),
        _jobs.c.ended_at < moment,
        _jobs.c.project == project,
        not_(gone),
    )
    query = select(_jobs.c.id).where(chosen).order_by(_jobs.c.ended_at, _jobs.c.id)
    return list(tx.scalars(query.limit(limit)))


def note(tx: Connection, job_id: str, kind: str, size: int, now: float) -> None:
    row = {"job_id": job_id, "kind": kind, "at": now, "size": size}
    tx.execute(dialect.upsert(tx, _expired), row)


def expired(tx: Connection, job_id: str) -> list[Expired]:
    """What went of an ended job, in order of time; nothing that it may have again since."""
    query = select(_expired).join(_jobs, _jobs.c.id == _expired.c.job_id)
    query = query.where(_expired.c.job_id == job_id, _expired.c.at >= _jobs.c.ended_at)
    rows = tx.execute(query.order_by(_expired.c.at, _expired.c.kind)).mappings()
    return [from_row(Expired, row) for row in rows]


def delete_log_rows(tx: Connection, job_id: str) -> None:
    tx.execute(delete(tables.logs).where(tables.logs.c.job_id == job_id))


def give_up_checkpoints(
    tx: Connection, job_id: str, keep_best: KeepBest | None, *, also_last: bool
) -> list[StoredCheckpoint]:
    """Those that are given up; what another job begins from stays."""
    if not also_last:
        return checkpoints.prune(tx, job_id, 1, keep_best)
    needed = checkpoints.begun_from(tx, job_id)
    gone = [one for one in checkpoints.list_(tx, job_id) if one.id not in needed]
    checkpoints.give_up(tx, job_id, gone)
    return gone


def delete_outputs(tx: Connection, job_id: str) -> set[str]:
    """Gives the blobs that they were."""
    mine = _outputs.c.job_id == job_id
    digests = set(tx.scalars(select(_outputs.c.sha256).where(mine)))
    tx.execute(delete(_outputs).where(mine))
    return digests
