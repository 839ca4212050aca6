"""Watched files in the table of checkpoints: every node's part makes the next state of all."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, func, select

from launcher.model.checkpoint import Manifest
from launcher.model.job import Job
from launcher.model.watched import adds_nothing, is_repeated, merge
from launcher.store import checkpoints, tables
from launcher.store.checkpoints import StoredCheckpoint

_table = tables.checkpoints

_FIRST_TURN = -2
"""In the column `rank`, where saved checkpoints have a rank or -1: a program may save its own files
several times at one step, so each state of a step has a turn of its own, -2 and on downwards."""


def newest(tx: Connection, job_id: str) -> StoredCheckpoint | None:
    """The state that was committed last; retention never takes it."""
    return checkpoints.newest(tx, job_id, watched=True)


def origin(tx: Connection, job: Job) -> StoredCheckpoint | None:
    """The checkpoint of another job that this one began from, if it is one of watched files."""
    found = checkpoints.of_any_job(tx, job.from_checkpoint) if job.from_checkpoint else None
    return found if found is not None and found.manifest.watched is not None else None


def to_put_back(tx: Connection, job: Job) -> StoredCheckpoint | None:
    """The watched files as a new attempt shall find them; None as long as none were committed."""
    return newest(tx, job.id) or origin(tx, job)


def commit(
    tx: Connection,
    job_id: str,
    part: Manifest,
    *,
    nodes: int,
    now: float,
    origin: StoredCheckpoint | None = None,
) -> StoredCheckpoint | None:
    """Commit the state of all nodes after one node's part; the same part again gives the same.

    Args:
        tx: a transaction that writes.
        job_id: the job's.
        part: what one node has now; its blobs are all here.
        nodes: of the attempt.
        now: server clock.
        origin: checkpoint of another job that this one began from, of watched files.

    Returns:
        The newest state: the one before when the part adds nothing to it; None when there is none.

    Raises:
        SpecError: a path could leave the folder, or two can't stand in one folder.
    """
    before = newest(tx, job_id)
    known = before.manifest if before else None
    if known is None and origin is not None:
        known = replace(origin.manifest, attempt=0)  # its attempts are those of another job
    if is_repeated(known, part):
        return before
    whole = merge(known, part, nodes)
    checkpoints.check_paths(whole)
    if not whole.files or adds_nothing(known, whole):
        return before
    at = (_table.c.job_id == job_id, _table.c.attempt == whole.attempt, _table.c.step == whole.step)
    last = tx.scalar(select(func.min(_table.c.rank)).where(*at))
    turn = min(_FIRST_TURN, _FIRST_TURN if last is None else last - 1)
    return checkpoints.insert(tx, job_id, whole, now, rank=turn)
