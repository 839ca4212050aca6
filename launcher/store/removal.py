"""Jobs that are removed with all that was kept of them. A job is there whole, or it is gone.

The rows go first, in one transaction; points, logs and blobs follow. What is to follow is written
to a file before that transaction ends, so a server that is killed in between finishes when it
starts again (`Removals.pending`). A blob goes only when nothing names it any more.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, exists, func, not_, select

from launcher.model.job import AllocationState
from launcher.model.own_cluster import OwnState
from launcher.model.states import TERMINAL, JobState
from launcher.store import tables
from launcher.store.disk import full_disk_told

_jobs, _checkpoints, _logs = tables.jobs, tables.checkpoints, tables.logs
AT_ONCE = 200
"""Jobs of one transaction."""


@dataclass(frozen=True)
class Removal:
    """What is left to do once the rows of these jobs are gone."""

    file: Path
    job_ids: tuple[str, ...]
    digests: tuple[str, ...]
    """Blobs that the jobs named; others may name them too."""

    def done(self) -> None:
        self.file.unlink(missing_ok=True)


class Removals:
    """Removals that have begun: a file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, job_ids: Sequence[str], digests: Iterable[str]) -> Removal:
        """Note what will be left to do; durable when this returns."""
        self._folder.mkdir(exist_ok=True)
        file = self._folder / f"{uuid.uuid4().hex}.json"
        content = {"jobs": list(job_ids), "digests": sorted(digests)}
        fresh = file.with_suffix(".new")
        with full_disk_told(self._folder, "the note of a removal"), fresh.open("w") as opened:
            json.dump(content, opened)
            opened.flush()
            os.fsync(opened.fileno())
        fresh.rename(file)
        _sync_folder(self._folder)
        return Removal(file, tuple(job_ids), tuple(content["digests"]))

    def pending(self) -> list[Removal]:
        """Those that were not finished; half-written notes are of jobs that are still there."""
        for torn in self._folder.glob("*.new"):
            torn.unlink()
        found = []
        for file in sorted(self._folder.glob("*.json")):
            content = json.loads(file.read_text())
            found.append(Removal(file, tuple(content["jobs"]), tuple(content["digests"])))
        return found


@dataclass(frozen=True)
class Kept:
    """Bytes that are kept of a job. Blobs count for each job that names them."""

    logs: int = 0
    points: int = 0
    checkpoints: int = 0
    outputs: int = 0

    @property
    def total(self) -> int:
        return self.logs + self.points + self.checkpoints + self.outputs


def ended_before(
    tx: Connection, moment: float, project: str | None, states: Iterable[JobState] = TERMINAL
) -> list[str]:
    """Ids of the jobs that ended before then, the oldest first."""
    chosen = [
        _jobs.c.state.in_([state.value for state in states if state in TERMINAL]),
        _jobs.c.ended_at < moment,
    ]
    if project is not None:
        chosen.append(_jobs.c.project == project)
    query = select(_jobs.c.id).where(*chosen).order_by(_jobs.c.ended_at, _jobs.c.id)
    return list(tx.scalars(query))


def surviving(tx: Connection, job_ids: Sequence[str]) -> list[str]:
    """Those of the jobs that are there."""
    return list(tx.scalars(select(_jobs.c.id).where(_jobs.c.id.in_(job_ids))))


def clusters_holding(tx: Connection, job_id: str) -> list[str]:
    """Clusters that have not given all resources of the job back."""
    held = tables.allocations
    mine = and_(held.c.job_id == job_id, held.c.state != AllocationState.GONE.value)
    found = list(tx.scalars(select(held.c.cluster).where(mine).distinct()))
    own = tables.own_clusters
    made = and_(own.c.job_id == job_id, own.c.state != OwnState.GONE.value)
    return found + list(tx.scalars(select(own.c.cluster).where(made)))


def heirs(tx: Connection, job_id: str) -> list[str]:
    """Jobs that would begin from a checkpoint of this one, and have none of their own yet."""
    own = _checkpoints.alias()
    has_own = exists().where(own.c.job_id == _jobs.c.id, own.c.pruned.is_(False))
    ids = select(_checkpoints.c.id).where(_checkpoints.c.job_id == job_id)
    query = select(_jobs.c.id).where(
        _jobs.c.from_checkpoint.in_(ids), _jobs.c.state != JobState.SUCCEEDED.value, not_(has_own)
    )
    return list(tx.scalars(query))


def blobs_of(tx: Connection, job_ids: Sequence[str]) -> set[str]:
    """sha256 of every blob that the jobs name: code, lock, checkpoints and parts, outputs."""
    codes = select(_jobs.c.code).where(_jobs.c.id.in_(job_ids), _jobs.c.code != "")
    digests = set(tx.scalars(codes))
    for table in (tables.named_blobs, tables.outputs):
        digests |= set(tx.scalars(select(table.c.sha256).where(table.c.job_id.in_(job_ids))))
    return digests


def delete_rows(tx: Connection, job_ids: Sequence[str]) -> None:
    """Every row of the jobs in the main tables, whichever there are."""
    for table in reversed(tables.main.sorted_tables):
        if "job_id" in table.c:
            tx.execute(delete(table).where(table.c.job_id.in_(job_ids)))
    tx.execute(delete(_jobs).where(_jobs.c.id.in_(job_ids)))


def sizes(tx: Connection, points: Connection, job_ids: Sequence[str]) -> dict[str, Kept]:
    """What is kept of each job.

    Args:
        tx: of the main database.
        points: of the database of metric points.
        job_ids: which.
    """
    kept = _checkpoints.c.pruned.is_(False)
    logs = _sums(tx, _logs, _logs.c.length - _logs.c.missing, job_ids)
    saved = _sums(tx, _checkpoints, _checkpoints.c.size, job_ids, kept)
    outputs = _sums(tx, tables.outputs, tables.outputs.c.size, job_ids)
    reported, measured, waiting = (
        _sums(points, table, func.length(column), job_ids)
        for table, column in (
            (tables.batches, tables.batches.c.data),
            (tables.sample_batches, tables.sample_batches.c.data),
            (tables.sample_series, tables.sample_series.c.tail),
        )
    )
    return {
        job_id: Kept(
            logs.get(job_id, 0),
            sum(part.get(job_id, 0) for part in (reported, measured, waiting)),
            saved.get(job_id, 0),
            outputs.get(job_id, 0),
        )
        for job_id in job_ids
    }


def _sums(
    tx: Connection, table: Table, amount: Any, job_ids: Sequence[str], *only: Any
) -> Mapping[str, int]:
    mine = (table.c.job_id.in_(job_ids), *only)
    query = select(table.c.job_id, func.sum(amount)).where(*mine).group_by(table.c.job_id)
    return {job_id: int(total) for job_id, total in tx.execute(query)}


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
