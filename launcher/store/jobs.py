"""Jobs with their allocations and attempts: read whole, written whole, never over a newer one."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    func,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError

from launcher.errors import ConflictError, NotFoundError
from launcher.model.job import Allocation, AllocationState, Attempt, Job
from launcher.model.states import TERMINAL, JobState
from launcher.store import dialect, tables
from launcher.store.rows import from_row, labelled, part, row_of

_MATCHES, _AT_ONCE = 10, 500
_LOOKED_AT = 500
"""Among so many of the newest jobs the one that was meant is looked for."""

Within: TypeAlias = Collection[str] | None
"""Projects whose jobs are looked at; None: all."""
Place: TypeAlias = tuple[float, str]
"""Of a job in a list whose newest is first: when it was submitted, and its id."""

_jobs, _allocations, _attempts = tables.jobs, tables.allocations, tables.attempts

_WHOLE_JOBS = select(
    _jobs, *labelled(_allocations, "allocation_"), *labelled(_attempts, "attempt_")
).select_from(
    _jobs.outerjoin(
        _allocations,
        and_(
            _allocations.c.job_id == _jobs.c.id,
            _allocations.c.number == _jobs.c.newest_allocation,
        ),
    ).outerjoin(
        _attempts,
        and_(_attempts.c.job_id == _jobs.c.id, _attempts.c.number == _jobs.c.newest_attempt),
    )
)
"""Jobs, each with its newest allocation and its newest attempt."""
# Statements of hot paths are built once: building one costs as much as running it.
_INSERT = _jobs.insert()
_GET = _WHOLE_JOBS.where(_jobs.c.id == bindparam("job_id"))
_GET_ALL = _WHOLE_JOBS.where(_jobs.c.id.in_(bindparam("job_ids", expanding=True)))
_BY_KEYS = select(_jobs.c.idempotency_key, _jobs.c.id).where(
    _jobs.c.idempotency_key.in_(bindparam("keys", expanding=True))
)
_FIXED = frozenset({"spec"})
"""What no step of a job's life changes."""
_SAVE = update(_jobs).where(
    _jobs.c.id == bindparam("job_id"), _jobs.c.revision == bindparam("read_revision")
)


class StaleWriteError(Exception):
    """The job was saved by somebody else since it was read: read it again, decide again."""


class TakenError(ConflictError):
    """An id or an idempotency key is another job's: look and draw again."""


def insert(tx: Connection, job: Job, idempotency_key: str | None) -> None:
    """Store a new job.

    Raises:
        TakenError: its id or its idempotency key is taken.
    """
    insert_all(tx, [job], {job.id: idempotency_key} if idempotency_key else {})
    _save_parts(tx, [job])


def insert_all(tx: Connection, new: Sequence[Job], keys: Mapping[str, str]) -> None:
    """Store new jobs, which hold nothing yet; `keys`: idempotency keys, by the ids of their jobs.

    Raises:
        TakenError: an id or an idempotency key is taken.
    """
    rows = [
        _row(job) | {"idempotency_key": keys.get(job.id), "random_part": _random_part(job)}
        for job in new
    ]
    if not rows:
        return
    try:
        tx.execute(_INSERT, rows)
    except IntegrityError as error:
        raise TakenError(f"job '{new[0].id}' was already submitted") from error


def save(tx: Connection, job: Job) -> Job:
    """Write the job, its allocation and its attempt; gives the job with its new revision.

    Its spec stays as it was submitted: it is what costs most to write, and nothing changes it.

    Raises:
        StaleWriteError: the stored revision is another one than `job.revision`.
    """
    return save_all(tx, [job])[0]


def save_all(tx: Connection, changed: Sequence[Job]) -> list[Job]:
    """As `save`, each of several jobs once."""
    saved = [replace(job, revision=job.revision + 1) for job in changed]
    rows = [
        _row(after, but=_FIXED) | {"job_id": before.id, "read_revision": before.revision}
        for before, after in zip(changed, saved, strict=True)
    ]
    # Where a driver does not count the rows of several statements, they are sent one by one.
    parts = [rows] if tx.dialect.supports_sane_multi_rowcount else [[row] for row in rows]
    if sum(tx.execute(_SAVE, part).rowcount for part in parts if part) != len(rows):
        stale = ", ".join(f"{job.id} (revision {job.revision})" for job in changed)
        raise StaleWriteError(f"stored in another revision: {stale}")
    _save_parts(tx, changed)
    return saved


def by_keys(tx: Connection, keys: Collection[str]) -> dict[str, str]:
    """Ids of the jobs that were submitted with these idempotency keys, by key."""
    if not keys:
        return {}
    rows = tx.execute(_BY_KEYS, {"keys": list(keys)})
    return {row.idempotency_key: row.id for row in rows}


def get(tx: Connection, job_id: str) -> Job | None:
    row = tx.execute(_GET, {"job_id": job_id}).mappings().first()
    return _job(row) if row else None


def get_all(tx: Connection, job_ids: Collection[str]) -> dict[str, Job]:
    """Those of these jobs that there are, by id and in the order of the ids."""
    if not job_ids:
        return {}
    rows = tx.execute(_GET_ALL, {"job_ids": list(job_ids)}).mappings()
    found = {row["id"]: _job(row) for row in rows}
    return {job_id: found[job_id] for job_id in job_ids if job_id in found}


def projects_of(tx: Connection, job_ids: Collection[str]) -> dict[str, str]:
    """The project of each of these jobs that there are."""
    found: dict[str, str] = {}
    wanted = list(job_ids)
    for start in range(0, len(wanted), _AT_ONCE):
        some = _jobs.c.id.in_(wanted[start : start + _AT_ONCE])
        rows = tx.execute(select(_jobs.c.id, _jobs.c.project).where(some))
        found.update({row.id: row.project for row in rows})
    return found


def projects_of_arrays(tx: Connection, array_ids: Collection[str]) -> dict[str, str]:
    """As `projects_of`, of arrays."""
    if not array_ids:
        return {}
    query = select(_jobs.c.array_id, _jobs.c.project).where(_jobs.c.array_id.in_(array_ids))
    return {row.array_id: row.project for row in tx.execute(query.distinct())}


def match(tx: Connection, text: str, within: Within = None) -> list[str]:
    """Ids that `text` can mean among the jobs of these projects, at most 10, newest first.

    A whole id means itself; else the beginning of an id, or of its random part, will do.
    """
    if not text:
        return []
    if tx.scalar(select(_jobs.c.id).where(_jobs.c.id == text, _seen(within))):
        return [text]
    begins = or_(
        _jobs.c.id.startswith(text, autoescape=True),
        _jobs.c.random_part.startswith(text, autoescape=True),
    )
    query = select(_jobs.c.id).where(begins, _seen(within))
    return list(tx.scalars(query.order_by(*_newest_first()).limit(_MATCHES)))


def find_one(tx: Connection, text: str, within: Within = None) -> str:
    """Id of the one job of these projects that the text can mean.

    Raises:
        NotFoundError: no job; ConflictError: several.
    """
    found = match(tx, text, within)
    if not found:
        near = _near(tx, text, within)
        raise NotFoundError(f"no job '{text}'{near}", hint="launcher list shows all")
    if len(found) > 1 and text not in found:
        array_id = find_array(tx, text, within)
        if array_id:
            raise _several(tx, array_id)
        raise ConflictError(f"'{text}' can mean {', '.join(found)}", hint="type a few letters more")
    return text if text in found else found[0]


def find_array(tx: Connection, text: str, within: Within = None) -> str | None:
    """Id of the array that the text means: its id, or a beginning of it or of its random part.

    An array is of one project; looked for among those of these projects.

    None: it means none, or not it alone.
    """
    seen = _seen(within)
    if not text or tx.scalar(select(_jobs.c.id).where(_jobs.c.id == text, seen)):
        return None
    if tx.scalar(select(_jobs.c.array_id).where(_jobs.c.array_id == text, seen).limit(1)):
        return text
    begins = _jobs.c.id.startswith(text, autoescape=True)
    if "-" not in text:  # longer ones reach into an element's own part
        begins = or_(begins, _jobs.c.random_part.startswith(text, autoescape=True))
    heads = list(tx.scalars(select(_jobs.c.array_id).where(begins, seen).distinct().limit(2)))
    if len(heads) != 1 or heads[0] is None:
        return None
    is_whole = heads[0].startswith(text) or heads[0].rpartition("-")[2].startswith(text)
    return heads[0] if is_whole else None


def _several(tx: Connection, array_id: str) -> ConflictError:
    mine = _jobs.c.array_id == array_id
    count = tx.scalar(select(func.count()).where(mine))
    first = tx.scalar(select(_jobs.c.id).where(mine).order_by(_jobs.c.array_index).limit(1))
    return ConflictError(
        f"'{array_id}' is an array of {count} jobs",
        hint=f"name one of them, as {first}; launcher list --elements shows all",
    )


def _near(tx: Connection, text: str, within: Within) -> str:
    """The end of a complaint: the newer jobs whose ids look like the text."""
    newest = select(_jobs.c.id).where(_seen(within)).order_by(*_newest_first()).limit(_LOOKED_AT)
    ids = list(tx.scalars(newest))
    near = difflib.get_close_matches(text.lower(), [*ids, "last"], n=2, cutoff=0.7)
    by_random = {job_id.rpartition("-")[2]: job_id for job_id in ids}
    near = near or [
        by_random[part] for part in difflib.get_close_matches(text, by_random, n=1, cutoff=0.8)
    ]
    return f"; did you mean {' or '.join(near)}" if near else ""


def summaries(
    tx: Connection,
    *,
    states: Collection[JobState] | None,
    project: str | None,
    limit: int,
    within: Within = None,
    user: str | None = None,
    after: Place | None = None,
) -> list[Job]:
    """Jobs of these states, this project and user (None: of all), and `within`; newest first.

    `after`: those that stand behind it alone.
    """
    query = _WHOLE_JOBS.order_by(*_newest_first()).limit(limit)
    if user is not None:
        query = query.where(_jobs.c.user == user)
    if after is not None:
        query = query.where(_is_behind(after))
    if states is not None:
        query = query.where(_is_in(states))
    if project is not None:
        query = query.where(_jobs.c.project == project)
    query = query.where(_seen(within))
    return [_job(row) for row in tx.execute(query).mappings()]


def newest_heads(
    tx: Connection,
    *,
    states: Collection[JobState] | None,
    project: str | None,
    limit: int,
    within: Within = None,
    user: str | None = None,
    after: Place | None = None,
) -> list[Job]:
    """As `summaries`, with one job of each array in place of all its elements."""
    is_behind = true() if after is None else _is_behind(after)
    query = select(_jobs.c.id, _jobs.c.array_id, is_behind).order_by(*_newest_first())
    if states is not None:
        query = query.where(_is_in(states))
    if project is not None:
        query = query.where(_jobs.c.project == project)
    if user is not None:
        query = query.where(_jobs.c.user == user)
    if after is not None:  # of its very moment may be elements of arrays that were given already
        query = query.where(_jobs.c.submitted_at <= after[0])
    query = query.where(_seen(within))
    heads: dict[str, str] = {}
    given: set[str] = set()
    # Read until there are enough: an array has at most a thousand elements.
    with tx.execute(query.execution_options(yield_per=500)) as rows:
        for job_id, array_id, is_new in rows:
            if len(heads) >= limit:
                break
            key = array_id or job_id
            if not is_new:
                given.add(key)
            elif key not in given:
                heads.setdefault(key, job_id)
    chosen = _WHOLE_JOBS.where(_jobs.c.id.in_(heads.values())).order_by(*_newest_first())
    return [_job(row) for row in tx.execute(chosen).mappings()]


def unended(
    tx: Connection,
    *,
    states: Collection[JobState],
    project: str | None,
    user: str | None,
    within: Within = None,
) -> list[tuple[str, JobState, str, str]]:
    """(id, state, project, user) of the jobs of these states, oldest first."""
    query = select(_jobs.c.id, _jobs.c.state, _jobs.c.project, _jobs.c.user).where(_is_in(states))
    for column, value in ((_jobs.c.project, project), (_jobs.c.user, user)):
        if value is not None:
            query = query.where(column == value)
    query = query.where(_seen(within))
    rows = tx.execute(query.order_by(_jobs.c.submitted_at, _jobs.c.array_index, _jobs.c.id))
    return [(job_id, JobState(state), of, by) for job_id, state, of, by in rows]


def active(tx: Connection) -> Iterator[Job]:
    """All jobs that have not ended, in the order of their submission; they may be very many."""
    unended = [state for state in JobState if state not in TERMINAL]
    query = _WHOLE_JOBS.where(_is_in(unended)).order_by(_jobs.c.submitted_at, _jobs.c.id)
    with tx.execute(query.execution_options(yield_per=_AT_ONCE)) as rows:
        for row in rows.mappings():
            yield _job(row)


def living(tx: Connection, job_ids: Sequence[str]) -> set[str]:
    """Those of these jobs that are there, and have not ended."""
    unended = [state for state in JobState if state not in TERMINAL]
    found: set[str] = set()
    for start in range(0, len(job_ids), _AT_ONCE):
        some = _jobs.c.id.in_(job_ids[start : start + _AT_ONCE])
        found.update(tx.scalars(select(_jobs.c.id).where(some, _is_in(unended))))
    return found


def attempts(tx: Connection, job_id: str) -> list[Attempt]:
    query = select(_attempts).where(_attempts.c.job_id == job_id).order_by(_attempts.c.number)
    return [from_row(Attempt, row) for row in tx.execute(query).mappings()]


def allocations(tx: Connection, job_id: str) -> list[Allocation]:
    return _find_allocations(tx, _allocations.c.job_id == job_id)


def ran_since(tx: Connection, moment: float) -> dict[str, dict[int, Allocation]]:
    """The allocation of each attempt that runs or ended after `moment`, by job and number."""
    still = or_(_attempts.c.ended_at.is_(None), _attempts.c.ended_at > moment)
    same = and_(
        _allocations.c.job_id == _attempts.c.job_id, _allocations.c.number == _attempts.c.allocation
    )
    query = select(_allocations, _attempts.c.number.label("attempt"))
    query = query.join(_attempts, same).where(_attempts.c.started_at.is_not(None), still)
    found: dict[str, dict[int, Allocation]] = {}
    for row in tx.execute(query).mappings():
        found.setdefault(row["job_id"], {})[row["attempt"]] = from_row(Allocation, row)
    return found


def unreleased(tx: Connection, cluster: str | None = None) -> list[Allocation]:
    """Allocations whose resources the cluster's executor has not given back yet; None: of all."""
    held = _allocations.c.state != AllocationState.GONE.value
    here = and_(held, _allocations.c.cluster == cluster) if cluster is not None else held
    return _find_allocations(tx, here)


def allocation(tx: Connection, allocation_id: str) -> Allocation | None:
    job_id, _, number = allocation_id.rpartition(".")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    key = and_(_allocations.c.job_id == job_id, _allocations.c.number == int(number))
    return next(iter(_find_allocations(tx, key)), None)


def save_allocation(tx: Connection, allocation: Allocation) -> None:
    """Write one allocation by itself.

    Where it is its job's newest, the job's revision grows with it: whoever read the job before
    would otherwise write the old allocation back.
    """
    tx.execute(dialect.upsert(tx, _allocations), row_of(allocation, _allocations))
    newest = and_(_jobs.c.id == allocation.job_id, _jobs.c.newest_allocation == allocation.number)
    tx.execute(update(_jobs).where(newest).values(revision=_jobs.c.revision + 1))


# --- rows ----------------------------------------------------------------------------------------


def _random_part(job: Job) -> str:
    """What of its id may be typed alone; of an element `k3m9ap-7`."""
    stem = (job.array_id or job.id).rpartition("-")[0]
    return job.id[len(stem) + 1 :]


def _row(job: Job, *, but: frozenset[str] = frozenset()) -> dict[str, Any]:
    return row_of(job, _jobs, but=but) | {
        "newest_allocation": job.allocation.number if job.allocation else None,
        "newest_attempt": job.attempt.number if job.attempt else None,
    }


def _save_parts(tx: Connection, saved: Sequence[Job]) -> None:
    held = [row_of(job.allocation, _allocations) for job in saved if job.allocation is not None]
    if held:
        tx.execute(dialect.upsert(tx, _allocations), held)
    tried = [
        row_of(job.attempt, _attempts) | {"job_id": job.id}
        for job in saved
        if job.attempt is not None
    ]
    if tried:
        tx.execute(dialect.upsert(tx, _attempts), tried)


def _job(row: Mapping[Any, Any]) -> Job:
    return from_row(
        Job,
        row,
        allocation=part(row, _allocations, "allocation_"),
        attempt=part(row, _attempts, "attempt_"),
    )


def _find_allocations(tx: Connection, which: ColumnElement[bool]) -> list[Allocation]:
    order = (_allocations.c.created_at, _allocations.c.job_id, _allocations.c.number)
    query = select(_allocations).where(which).order_by(*order)
    return [from_row(Allocation, row) for row in tx.execute(query).mappings()]


def _seen(within: Within) -> ColumnElement[bool]:
    return true() if within is None else _jobs.c.project.in_(within)


def _newest_first() -> tuple[Any, Any]:
    return _jobs.c.submitted_at.desc(), _jobs.c.id.desc()


def _is_behind(place: Place) -> ColumnElement[bool]:
    """It comes later in a list whose newest is first."""
    return tuple_(_jobs.c.submitted_at, _jobs.c.id) < place


def _is_in(states: Collection[JobState]) -> ColumnElement[bool]:
    return _jobs.c.state.in_([state.value for state in states])
