"""Outputs of jobs: one row a file; of a path on a node, the newest attempt's file is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from launcher.errors import SpecError
from launcher.model.checkpoint import unsafe_path
from launcher.model.outputs import OutputLimits, OutputReport
from launcher.store import dialect
from launcher.store.rows import from_row, row_of
from launcher.store.tables import outputs as _outputs
from launcher.units import format_size


@dataclass(frozen=True)
class StoredOutput:
    """One file. `rank`: the lowest one of the node that it comes from; `size` is in bytes."""

    job_id: str
    rank: int
    path: str
    attempt: int
    size: int
    sha256: str
    mode: int
    collected_at: float


@dataclass(frozen=True)
class Replaced:
    """What storing a report did. `digests`: blobs that the job's outputs name no more."""

    is_news: bool
    given_up: int
    """Files of earlier attempts that had to make room."""
    digests: frozenset[str]


def store(
    tx: Connection, job_id: str, report: OutputReport, limits: OutputLimits, now: float
) -> Replaced:
    """Keep the outputs of one node; the same report again changes nothing.

    Files of earlier attempts make room, the oldest first, where the job has too many.

    Raises:
        SpecError: a path could leave its folder, or the report alone is beyond the limits.
    """
    _check(report)
    before = list_(tx, job_id)
    fresh = {
        (report.rank, entry.path): StoredOutput(
            job_id=job_id,
            rank=report.rank,
            path=entry.path,
            attempt=report.attempt,
            size=entry.size,
            sha256=entry.sha256,
            mode=entry.mode & 0o777,
            collected_at=now,
        )
        for entry in report.files
    }
    known = {(one.rank, one.path): one for one in before}
    others = [one for key, one in known.items() if key not in fresh]
    gone = _to_give_up(others, list(fresh.values()), report.attempt, limits)
    _remove(tx, job_id, gone)
    news = [one for key, one in fresh.items() if _differs(known.get(key), one)]
    if news:
        tx.execute(dialect.upsert(tx, _outputs), [row_of(one, _outputs) for one in news])
    now_here = (known | fresh).keys() - {(one.rank, one.path) for one in gone}
    left = {(known | fresh)[key].sha256 for key in now_here}
    return Replaced(bool(news), len(gone), frozenset({one.sha256 for one in before} - left))


def list_(tx: Connection, job_id: str) -> list[StoredOutput]:
    """By path, then by rank."""
    query = select(_outputs).where(_outputs.c.job_id == job_id)
    found = tx.execute(query.order_by(_outputs.c.path, _outputs.c.rank)).mappings()
    return [from_row(StoredOutput, row) for row in found]


def get(tx: Connection, job_id: str, rank: int, path: str) -> StoredOutput | None:
    query = select(_outputs).where(
        _outputs.c.job_id == job_id, _outputs.c.rank == rank, _outputs.c.path == path
    )
    row = tx.execute(query).mappings().first()
    return from_row(StoredOutput, row) if row else None


def total(tx: Connection, job_id: str) -> tuple[int, int]:
    """Number of files, and their bytes together."""
    query = select(func.count(), func.coalesce(func.sum(_outputs.c.size), 0))
    count, size = tx.execute(query.where(_outputs.c.job_id == job_id)).one()
    return int(count), int(size)


def _check(report: OutputReport) -> None:
    paths = [entry.path for entry in report.files]
    wrong = next((path for path in paths if unsafe_path(path)), None)
    if wrong is not None:
        raise SpecError(f"output '{wrong}' leaves its folder")
    if len(set(paths)) < len(paths):
        raise SpecError("an output is named twice")


def _to_give_up(
    kept: Sequence[StoredOutput],
    fresh: Sequence[StoredOutput],
    attempt: int,
    limits: OutputLimits,
) -> list[StoredOutput]:
    """Those of earlier attempts that must go for the fresh ones to find room.

    Raises:
        SpecError: there is no room even then.
    """
    everything = [*kept, *fresh]
    files, size = len(everything), sum(one.size for one in everything)
    gone = []
    for one in sorted(kept, key=lambda one: (one.attempt, one.path)):
        if files <= limits.files and size <= limits.size_bytes:
            break
        if one.attempt < attempt:
            gone.append(one)
            files, size = files - 1, size - one.size
    if files > limits.files or size > limits.size_bytes:
        raise SpecError(
            f"{files:,} files with {format_size(size)} are too many: the server keeps "
            f"{limits.files:,} files and {format_size(limits.size_bytes)} of a job"
        )
    return gone


def _remove(tx: Connection, job_id: str, gone: Sequence[StoredOutput]) -> None:
    for one in gone:
        key = (_outputs.c.job_id == job_id, _outputs.c.rank == one.rank)
        tx.execute(delete(_outputs).where(*key, _outputs.c.path == one.path))


def _differs(known: StoredOutput | None, fresh: StoredOutput) -> bool:
    return known is None or (known.attempt, known.sha256) != (fresh.attempt, fresh.sha256)
