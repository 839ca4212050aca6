"""What keeps a job out of the queue: a person, other jobs, its array. Pure, as `lifecycle` is.

Time spent so is not time spent in the queue: `queued_at` and `in_line_since` move on by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone

from launcher.model.job import After, Change, Event, Job
from launcher.model.lifecycle import IllegalTransitionError, move
from launcher.model.states import JobState
from launcher.units import format_duration

_SHOWN = 3


def hold(job: Job, now: float, *, by: str) -> Change:
    """Keep a waiting job from being started until it is released.

    Raises:
        IllegalTransitionError: it does not wait.
    """
    if job.state is JobState.HELD:
        return Change(job)
    event = Event("held", f"held by {by}")
    return Change(replace(move(job, JobState.HELD, event.text, now), held_at=now), (event,))


def release(job: Job, now: float, *, by: str) -> Change:
    """Let a held job wait for its turn again. One that is not held, and has not ended, stays.

    Raises:
        IllegalTransitionError: it has ended.
    """
    if job.state.is_terminal:
        raise IllegalTransitionError(f"{job.id}: a {job.state} job is not released")
    if job.state is not JobState.HELD:
        return Change(job)
    kept_s = now - max(job.held_at or now, job.queued_at)
    job = replace(
        _moved_on(move(job, JobState.QUEUED, "", now), kept_s),
        held_at=None,
        array_waits=job.array_limit is not None,
    )
    return Change(job, (Event("released", f"released by {by}"),))


def wait_for(job: Job, conditions: Sequence[After]) -> Job:
    """The job, which waits for these alone."""
    return replace(job, after=tuple(conditions))


def meet(job: Job, other: str, now: float) -> Change:
    """The other job, or array, ended as this one wants it."""
    left = tuple(one for one in job.after if one.job != other)
    if left == job.after:
        return Change(job)
    rest = f"still {_awaiting(left)}" if left else "nothing else is waited for"
    event = Event("after", f"{other} has ended: {rest}")
    if left:
        return Change(replace(job, after=left), (event,))
    return Change(_moved_on(replace(job, after=()), now - job.queued_at), (event,))


def give_up(job: Job, other: str, outcome: str, now: float) -> Change:
    """The other job, or array, can never succeed any more: this one ends without having begun.

    What it waited for stays known, so that a retry waits for it again.

    Args:
        job: one that waits for the other to succeed.
        other: id of the other.
        outcome: how that came, in words: `it failed`.
        now: server clock.
    """
    if job.state not in {JobState.QUEUED, JobState.HELD}:
        return Change(job)
    text = f"{other} was to succeed before, and {outcome}"
    return Change(
        move(job, JobState.CANCELLED, text, now), (Event("cancel", f"cancelled: {text}"),)
    )


def take_turn(job: Job, now: float) -> Change:
    """An element of an array whose limit has room for it now."""
    if not job.array_waits:
        return Change(job)
    return Change(_moved_on(replace(job, array_waits=False), now - job.queued_at))


def set_limit(
    job: Job, limit: int | None, now: float, *, by: str, is_put_back: bool = False
) -> Change:
    """Another limit for an element's array; None: all at once.

    Args:
        job: the element.
        limit: how many of the array may be in the queue or run at once.
        now: server clock.
        by: who changed it.
        is_put_back: it is its turn no more (`beyond`).
    """
    if job.array_limit == limit:
        return Change(job)
    waits = limit is not None and (job.array_waits or is_put_back)
    changed = replace(job, array_limit=limit, array_waits=waits)
    if job.array_waits and not waits:
        changed = _moved_on(changed, now - job.queued_at)
    old, new = ("none" if one is None else str(one) for one in (job.array_limit, limit))
    text = f"limit of {job.array_id} changed from {old} to {new} by {by}"
    return Change(changed, () if job.state.is_terminal else (Event("limit", text),))


def beyond(elements: Sequence[Job], limit: int) -> set[str]:
    """Ids of those of an array that are in the queue and must leave it for a lower limit.

    What has been placed goes on; of the others those stay that `take_turn` would be given to first.
    """
    in_turn = [job for job in elements if _is_in_turn(job)]
    queued = [job for job in in_turn if job.state is JobState.QUEUED]
    queued.sort(key=lambda job: (-job.priority, job.array_index or 0))
    room = max(limit - (len(in_turn) - len(queued)), 0)
    return {job.id for job in queued[room:]}


def _moved_on(job: Job, by_s: float) -> Job:
    """Its time in the queue begins so much later."""
    by_s = max(by_s, 0.0)
    return replace(job, queued_at=job.queued_at + by_s, kept_back_s=job.kept_back_s + by_s)


def takes_room(job: Job) -> bool:
    """Whether it counts among those of its array that may wait or run at once."""
    return job.array_limit is not None and _is_in_turn(job)


def _is_in_turn(job: Job) -> bool:
    waits = job.state is JobState.HELD or (job.state is JobState.QUEUED and job.array_waits)
    return not waits and not job.state.is_terminal


def obstacle(job: Job, now: float) -> str:
    """What keeps a queued job from being placed, beside resources; empty when nothing does."""
    if job.after:
        return _awaiting(job.after)
    if job.array_waits:
        return f"waits for its turn: {job.array_limit} of {job.array_id} at once"
    if job.attempt is None and job.not_before > now:
        left = format_duration(max(round(job.not_before - now), 1))
        moment = datetime.fromtimestamp(job.not_before, timezone.utc)
        return f"starts at {moment:%Y-%m-%d %H:%M} UTC at the earliest, in {left}"
    return ""


def _awaiting(conditions: Sequence[After]) -> str:
    parts = [
        f"{one.job} to {'succeed' if one.when == 'succeeded' else 'end'}" for one in conditions
    ]
    if len(parts) > _SHOWN:
        parts[_SHOWN:] = [f"{len(parts) - _SHOWN} more"]
    return f"waits for {' and '.join([', '.join(parts[:-1]), parts[-1]] if parts[1:] else parts)}"
