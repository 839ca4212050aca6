"""Jobs by what they share: the elements of an array, and those that wait for a job or an array."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, bindparam, delete, func, select

from launcher.model.job import Job
from launcher.model.states import JobState
from launcher.store import jobs, tables

_jobs, _awaited = tables.jobs, tables.awaited

_MINE = _jobs.c.array_id == bindparam("array")
_TAKING_ROOM = [
    state.value for state in JobState if not state.is_terminal and state is not JobState.HELD
]
# Built once: each element that ends, is held or released asks these.
_COUNT_IN_TURN = select(func.count()).where(
    _MINE, _jobs.c.array_waits.is_(False), _jobs.c.state.in_(_TAKING_ROOM)
)
_OUT_OF_TURN = (
    select(_jobs.c.id)
    .where(_MINE, _jobs.c.array_waits.is_(True), _jobs.c.state == JobState.QUEUED.value)
    .order_by(_jobs.c.priority.desc(), _jobs.c.array_index)
    .limit(bindparam("most"))
)


def find_all(tx: Connection, text: str, within: jobs.Within = None) -> list[str]:
    """Ids of the jobs that the text can mean: of one, or of all elements of one array, in order.

    Looked for among those of these projects; None: all.

    Raises:
        NotFoundError: no job; ConflictError: several that are not one array.
    """
    array_id = jobs.find_array(tx, text, within)
    return elements(tx, array_id) if array_id else [jobs.find_one(tx, text, within)]


def elements(tx: Connection, array_id: str) -> list[str]:
    """Ids of an array's jobs, by their index."""
    mine = select(_jobs.c.id).where(_jobs.c.array_id == array_id).order_by(_jobs.c.array_index)
    return list(tx.scalars(mine))


def states(tx: Connection, array_ids: Collection[str]) -> dict[str, Counter[JobState]]:
    """How many elements of each array are in which state."""
    counted: dict[str, Counter[JobState]] = {array_id: Counter() for array_id in array_ids}
    query = (
        select(_jobs.c.array_id, _jobs.c.state, func.count())
        .where(_jobs.c.array_id.in_(array_ids))
        .group_by(_jobs.c.array_id, _jobs.c.state)
    )
    for array_id, state, count in tx.execute(query):
        counted[array_id][JobState(state)] = count
    return counted


def next_in_turn(tx: Connection, array_id: str, limit: int) -> list[Job]:
    """The elements whose turn it is by the array's limit, and who do not know it yet."""
    free = limit - (tx.scalar(_COUNT_IN_TURN, {"array": array_id}) or 0)
    if free <= 0:
        return []
    chosen = tx.scalars(_OUT_OF_TURN, {"array": array_id, "most": free}).all()
    found = [jobs.get(tx, job_id) for job_id in chosen]
    return [job for job in found if job is not None]


# --- who waits for whom --------------------------------------------------------------------------


def await_others(tx: Connection, waiting: Iterable[Job]) -> None:
    """Note for whom these jobs wait, of whom nothing was noted."""
    rows = [
        {"job_id": job.id, "other": one.job, "success": one.when == "succeeded"}
        for job in waiting
        for one in job.after
    ]
    if rows:
        tx.execute(_awaited.insert(), rows)


def awaited(tx: Connection, references: Collection[str]) -> list[str]:
    """Those of the jobs and arrays that somebody waits for."""
    query = select(_awaited.c.other).where(_awaited.c.other.in_(references)).distinct()
    return sorted(tx.scalars(query))


def waiting_for(tx: Connection, other: str, *, success: bool | None = None) -> list[str]:
    """Ids of the jobs that wait for this job or array; for its `success`, its end, or either."""
    query = select(_awaited.c.job_id).where(_awaited.c.other == other)
    if success is not None:
        query = query.where(_awaited.c.success.is_(success))
    return list(tx.scalars(query.order_by(_awaited.c.job_id)))


def stop_waiting(tx: Connection, job_id: str) -> None:
    """The job waits for nobody any more."""
    tx.execute(delete(_awaited).where(_awaited.c.job_id == job_id))


def stop_awaiting(tx: Connection, other: str) -> None:
    """Nobody waits for this one any more."""
    tx.execute(delete(_awaited).where(_awaited.c.other == other))


def standing(tx: Connection, reference: str) -> Counter[JobState]:
    """In which states the job, or the elements of the array, are; empty: there is none."""
    job = jobs.get(tx, reference)
    return Counter([job.state]) if job else states(tx, [reference])[reference]
