"""Committed checkpoints: each is complete, and the same for everybody who asks, or it is not here.

A row stays when retention gives its checkpoint up: the word that committed it may come again, and
must not make an old checkpoint the newest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    not_,
    select,
    update,
)

from launcher.errors import ConflictError, SpecError
from launcher.model import codec
from launcher.model.checkpoint import FileEntry, KeepBest, Manifest, best, to_prune, unsafe_path
from launcher.model.states import JobState
from launcher.store import named, tables
from launcher.store.rows import from_row

_checkpoints, _parts = tables.checkpoints, tables.checkpoint_parts

_WHOLE_GANG = -1
_is_watched = _checkpoints.c.rank < _WHOLE_GANG
"""Made of watched files: launcher/store/watched.py."""


@dataclass(frozen=True)
class StoredCheckpoint:
    """A committed checkpoint. `id` grows with the time of commit; `size` is in bytes."""

    id: int
    job_id: str
    attempt: int
    step: int
    manifest: Manifest
    size: int
    created_at: float


def commit(tx: Connection, job_id: str, manifest: Manifest, now: float) -> StoredCheckpoint:
    """Commit a checkpoint whose blobs are all here; again gives the first one.

    Raises:
        ConflictError: other files were committed for the same attempt, step and rank.
        SpecError: a path could leave the folder, or two can't stand in one folder.
    """
    check_paths(manifest)
    first = _committed(tx, job_id, manifest)
    if first is not None:
        _expect_same(job_id, first.manifest, manifest)
        return first
    stored = insert(tx, job_id, manifest, now)
    # Parts that an earlier attempt left behind will never be whole.
    stale = and_(_parts.c.job_id == job_id, _parts.c.attempt < manifest.attempt)
    if tx.execute(delete(_parts).where(stale)).rowcount:
        named.settle(tx, job_id)
    return stored


def insert(
    tx: Connection, job_id: str, manifest: Manifest, now: float, *, rank: int | None = None
) -> StoredCheckpoint:
    """Store a checkpoint that is new. `rank`: in the column, if not the manifest's."""
    row = _row(job_id, manifest) | {"size": manifest.size, "created_at": now, "pruned": False}
    if rank is not None:
        row["rank"] = rank
    tx.execute(_checkpoints.insert().values(row))
    _note(tx, job_id, manifest)
    stored = _committed(tx, job_id, manifest, row["rank"])
    assert stored is not None
    return stored


def add_part(
    tx: Connection, job_id: str, manifest: Manifest, world_size: int, now: float
) -> StoredCheckpoint | None:
    """Add one rank's part of a sharded checkpoint; gives the whole once all parts are here.

    Raises:
        ConflictError: ranks disagree on a path or on the world size, or one sent another part.
        SpecError: the manifest names no rank of this world, or a bad path.
    """
    check_paths(manifest)
    if manifest.rank is None or not 0 <= manifest.rank < world_size:
        raise SpecError(f"a part of rank {manifest.rank} in a world of {world_size}")
    whole = _committed(tx, job_id, manifest, _WHOLE_GANG)
    if whole is not None:
        return whole
    _store_part(tx, job_id, manifest, world_size)
    own = _is_at(_parts, job_id, manifest)
    rows = tx.execute(select(_parts).where(own).order_by(_parts.c.rank)).mappings().all()
    sizes = {row["rank"]: row["world_size"] for row in rows}
    if len(set(sizes.values())) > 1:
        raise ConflictError(f"{_named(job_id, manifest)}: world sizes differ by rank: {sizes}")
    if len(rows) < world_size:
        return None
    union = _union(job_id, [from_row(Manifest, row["manifest"]) for row in rows])
    tx.execute(delete(_parts).where(own))  # the union names every blob that they named
    return commit(tx, job_id, union, now)


def newest(tx: Connection, job_id: str, *, watched: bool | None = None) -> StoredCheckpoint | None:
    """The checkpoint that was committed last; `watched`: of those of watched files, or not."""
    query = _kept(job_id).order_by(_checkpoints.c.id.desc()).limit(1)
    if watched is not None:
        query = query.where(_is_watched if watched else not_(_is_watched))
    return _first(tx.execute(query).mappings().first())


def newest_commits(tx: Connection, job_ids: Collection[str]) -> dict[str, float]:
    """When each of these jobs committed its newest checkpoint that is kept, if it has any."""
    kept = and_(_checkpoints.c.job_id.in_(job_ids), _checkpoints.c.pruned.is_(False))
    query = select(_checkpoints.c.job_id, func.max(_checkpoints.c.created_at)).where(kept)
    return {row[0]: row[1] for row in tx.execute(query.group_by(_checkpoints.c.job_id))}


def list_(tx: Connection, job_id: str, after_id: int = 0) -> list[StoredCheckpoint]:
    """Those that are kept and follow `after_id`, in order of commit."""
    query = _kept(job_id).where(_checkpoints.c.id > after_id).order_by(_checkpoints.c.id)
    return [from_row(StoredCheckpoint, row) for row in tx.execute(query).mappings()]


@dataclass(frozen=True)
class Commit:
    """That a checkpoint was committed. `pruned`: retention gave it up since."""

    id: int
    attempt: int
    step: int
    size: int
    created_at: float
    pruned: bool


def commits(tx: Connection, job_id: str, limit: int) -> list[Commit]:
    """The newest commits, in order, also of those that are not kept; manifests stay unread."""
    columns = [_checkpoints.c[field.name] for field in fields(Commit)]
    query = select(*columns).where(_checkpoints.c.job_id == job_id)
    rows = tx.execute(query.order_by(_checkpoints.c.id.desc()).limit(limit)).mappings().all()
    return [from_row(Commit, row) for row in reversed(rows)]


def steps(tx: Connection, job_id: str) -> list[int]:
    """Steps of those that are kept, in order of commit; manifests may be long, and stay unread."""
    query = _kept(job_id).with_only_columns(_checkpoints.c.step).order_by(_checkpoints.c.id)
    return list(tx.scalars(query))


def get(tx: Connection, job_id: str, checkpoint_id: int) -> StoredCheckpoint | None:
    query = _kept(job_id).where(_checkpoints.c.id == checkpoint_id)
    return _first(tx.execute(query).mappings().first())


def of_any_job(tx: Connection, checkpoint_id: int) -> StoredCheckpoint | None:
    """A checkpoint by its id alone: also one that another job began from."""
    kept = (_checkpoints.c.id == checkpoint_id, _checkpoints.c.pruned.is_(False))
    return _first(tx.execute(select(_checkpoints).where(*kept)).mappings().first())


def begun_from(tx: Connection, job_id: str) -> set[int]:
    """Those of this job that another one still needs, for it has none of its own to resume from."""
    jobs, own = tables.jobs, _checkpoints.alias()
    has_own = exists().where(own.c.job_id == jobs.c.id, own.c.pruned.is_(False))
    ids = select(_checkpoints.c.id).where(_checkpoints.c.job_id == job_id)
    needed = select(jobs.c.from_checkpoint).where(
        jobs.c.from_checkpoint.in_(ids), jobs.c.state != JobState.SUCCEEDED.value, not_(has_own)
    )
    return set(tx.scalars(needed))


def prune(
    tx: Connection, job_id: str, keep_last: int, keep_best: KeepBest | None = None
) -> list[StoredCheckpoint]:
    """Give up what retention does not keep; gives those, whose blobs others may still refer to.

    What programs saved by themselves and what they saved by launcher.checkpoint are counted apart:
    a new attempt needs the newest of each.
    """
    kept = list_(tx, job_id)
    given_up: set[int] = set()
    for watched in (False, True):
        same = [one for one in kept if (one.manifest.watched is not None) is watched]
        given_up.update(to_prune(((one.id, one.step) for one in same), keep_last))
    if keep_best is not None:
        given_up.difference_update(best(((o.id, o.manifest.metrics) for o in kept), keep_best))
    given_up -= begun_from(tx, job_id)
    gone = [one for one in kept if one.id in given_up]
    give_up(tx, job_id, gone)
    return gone


def give_up(tx: Connection, job_id: str, gone: Sequence[StoredCheckpoint]) -> None:
    """Keep these of the job no longer."""
    if gone:
        chosen = _checkpoints.c.id.in_([one.id for one in gone])
        tx.execute(update(_checkpoints).where(chosen).values(pruned=True))
        named.settle(tx, job_id)


# --- parts ---------------------------------------------------------------------------------------


def _store_part(tx: Connection, job_id: str, manifest: Manifest, world_size: int) -> None:
    mine = and_(_is_at(_parts, job_id, manifest), _parts.c.rank == manifest.rank)
    known = tx.scalar(select(_parts.c.manifest).where(mine))
    if known is not None:
        _expect_same(job_id, from_row(Manifest, known), manifest)
        return
    tx.execute(_parts.insert().values(_row(job_id, manifest) | {"world_size": world_size}))
    _note(tx, job_id, manifest)


def _union(job_id: str, parts: Sequence[Manifest]) -> Manifest:
    """All parts as one folder; where ranks saved the same file, the lowest rank's entry counts."""
    owners: dict[str, tuple[FileEntry, int | None]] = {}
    metrics: dict[str, float] = {}
    for part in parts:
        for entry in part.files:
            first, rank = owners.setdefault(entry.path, (entry, part.rank))
            if first.sha256 != entry.sha256:
                clash = f"ranks {rank} and {part.rank} saved different files as '{entry.path}'"
                hint = "put the rank into the names of the files that differ by rank"
                raise ConflictError(f"{_named(job_id, part)}: {clash}", hint=hint)
        metrics = part.metrics | metrics
    files = tuple(owners[path][0] for path in sorted(owners))
    return Manifest(parts[0].attempt, parts[0].step, files, metrics, sharded=True)


def check_paths(manifest: Manifest) -> None:
    paths = [entry.path for entry in manifest.files]
    for path in paths:
        if unsafe_path(path):
            raise SpecError(f"checkpoint of step {manifest.step}: '{path}' leaves its folder")
    folders = {"/".join(parts[:n]) for parts in map(_split, paths) for n in range(1, len(parts))}
    clash = next((path for path in paths if path in folders), None)
    if clash is not None or len(set(paths)) < len(paths):
        what = f"'{clash}' is both a file and a folder" if clash else "a path is named twice"
        raise SpecError(f"checkpoint of step {manifest.step}: {what}")


def _split(path: str) -> list[str]:
    return path.split("/")


def _expect_same(job_id: str, first: Manifest, again: Manifest) -> None:
    if _digests(first) != _digests(again):
        raise ConflictError(
            f"{_named(job_id, again)} was committed before with other files",
            hint="save each step once in an attempt",
        )


def _digests(manifest: Manifest) -> dict[str, str]:
    return {entry.path: entry.sha256 for entry in manifest.files}


def _named(job_id: str, manifest: Manifest) -> str:
    whose = "" if manifest.rank is None else f", rank {manifest.rank}"
    return f"checkpoint of {job_id}, attempt {manifest.attempt}, step {manifest.step}{whose}"


# --- rows ----------------------------------------------------------------------------------------


def _note(tx: Connection, job_id: str, manifest: Manifest) -> None:
    named.note(tx, job_id, {entry.sha256 for entry in manifest.files})


def _row(job_id: str, manifest: Manifest) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "attempt": manifest.attempt,
        "step": manifest.step,
        "rank": _WHOLE_GANG if manifest.rank is None else manifest.rank,
        "manifest": codec.encode(manifest),
    }


def _committed(
    tx: Connection, job_id: str, manifest: Manifest, rank: int | None = None
) -> StoredCheckpoint | None:
    """What was committed for the manifest's attempt and step, be it pruned or not."""
    if rank is None:
        rank = _WHOLE_GANG if manifest.rank is None else manifest.rank
    own = and_(_is_at(_checkpoints, job_id, manifest), _checkpoints.c.rank == rank)
    return _first(tx.execute(select(_checkpoints).where(own)).mappings().first())


def _is_at(table: Any, job_id: str, manifest: Manifest) -> ColumnElement[bool]:
    at = (table.c.attempt == manifest.attempt, table.c.step == manifest.step)
    return and_(table.c.job_id == job_id, *at)


def _kept(job_id: str) -> Any:
    own = (_checkpoints.c.job_id == job_id, _checkpoints.c.pruned.is_(False))
    return select(_checkpoints).where(*own)


def _first(row: Mapping[Any, Any] | None) -> StoredCheckpoint | None:
    return from_row(StoredCheckpoint, row) if row else None
