"""What a change of one job does to others, in its own transaction; and what a new one waits for.

Others are those that wait for its end, and those of its array that wait for their turn. So the
scheduler looks nobody up: a job is eligible (`Job.is_eligible`), or it is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from launcher.errors import ConflictError, NotFoundError, SpecError
from launcher.model import waiting
from launcher.model.job import After, Change, Event, Job
from launcher.model.states import JobState
from launcher.store import arrays, jobs

_TOLD = 5
_BAD = {
    JobState.FAILED: ("failed", "failed"),
    JobState.CANCELLED: ("was cancelled", "were cancelled"),
}
"""Ends that are no success, and their verbs, of one and of several."""


def consequences(
    tx: Connection, before: Job, after: Job, now: float
) -> Iterator[tuple[Job, Change]]:
    """Other jobs as they are stored, and their changes that follow from that of a job.

    Args:
        tx: the one that stored `after`. Each change is stored before the next one is asked for.
        before: the job as it was.
        after: as it is stored now.
        now: server clock.
    """
    if after.state.is_terminal and not before.state.is_terminal:
        yield from _ended(tx, after, now)
    limit, array_id = after.array_limit, after.array_id
    if limit is None or array_id is None:
        return
    leaves = waiting.takes_room(before) and not waiting.takes_room(after)
    if leaves or (after.array_waits and after.state is JobState.QUEUED):
        for job in arrays.next_in_turn(tx, array_id, limit):
            yield job, waiting.take_turn(job, now)


def _ended(tx: Connection, ended: Job, now: float) -> Iterator[tuple[Job, Change]]:
    """Who waited for a job that ended just now, or for its array, and how that goes on."""
    references = [ended.id, *([ended.array_id] if ended.array_id else [])]
    given_up = []
    for other in arrays.awaited(tx, references):
        states = arrays.standing(tx, other)
        is_over = all(state.is_terminal for state in +states)
        if not is_over and ended.state is JobState.SUCCEEDED:
            continue  # one of many elements: nothing is decided by it
        for job_id in arrays.waiting_for(tx, other, success=None if is_over else True):
            job = jobs.get(tx, job_id)
            if job is None or job.state.is_terminal:
                continue
            outcome = _outcome(job, other, states)
            if outcome:
                given_up.append(job_id)
                arrays.stop_waiting(tx, job_id)
                yield job, waiting.give_up(job, other, outcome, now)
            elif outcome is not None:
                yield job, waiting.meet(job, other, now)
        if is_over:
            arrays.stop_awaiting(tx, other)
    if given_up:
        yield ended, Change(ended, (_told(given_up),))


def begin_after(tx: Connection, job: Job, wanted: Sequence[str], within: jobs.Within = None) -> Job:
    """The job with what it waits for, and with whole ids in its spec.

    Args:
        tx: the one that stores the job, so that none of the others ends meanwhile.
        job: to be stored.
        wanted: `after` of its spec.
        within: projects whose jobs can be meant; None: all.

    Raises:
        SpecError: every name that means no job, and every job that can never succeed any more.
    """
    found: dict[str, After] = {}
    written, wrong, hints = [], [], []
    for text in wanted:
        asked = After.read(text)
        try:
            other = jobs.find_array(tx, asked.job, within) or jobs.find_one(tx, asked.job, within)
        except (NotFoundError, ConflictError) as error:
            wrong.append(f"after: {error}")
            hints.append(error.hint)
            continue
        one = replace(asked, job=other)
        written.append(one.written)
        outcome = _judged(one, arrays.standing(tx, other))
        if outcome:
            wrong.append(f"after: {other} cannot succeed any more: {outcome}")
            hints.append(f"{replace(one, when='ended').written} waits for its end, however it ends")
        elif outcome is None and (other not in found or one.when == "succeeded"):
            found[other] = one
    if wrong:
        raise SpecError("\n".join(wrong), hint=hints[0])
    return waiting.wait_for(replace(job, spec=job.spec | {"after": written}), list(found.values()))


def await_again(tx: Connection, job: Job) -> Job:
    """A job that is retried, with what it still waits for: others may have been retried too.

    Raises:
        ConflictError: it waits for one that can never succeed any more.
    """
    left = []
    for one in job.after:
        outcome = _judged(one, arrays.standing(tx, one.job))
        if outcome:
            raise ConflictError(
                f"job '{job.id}' starts after {one.job}, which cannot succeed any more: {outcome}",
                hint=f"launcher retry {one.job} first, or launcher clone {job.id} --set after=[]",
            )
        left += [one] * (outcome is None)
    job = waiting.wait_for(job, left)
    arrays.stop_waiting(tx, job.id)
    arrays.await_others(tx, [job])
    return job


def _outcome(job: Job, other: str, states: Counter[JobState]) -> str | None:
    """How what the job waits for of the other stands, as `_judged` tells it."""
    mine = [one for one in job.after if one.job == other]
    return _judged(mine[0], states) if mine else None


def _judged(one: After, states: Counter[JobState]) -> str | None:
    """Empty: it has happened; None: not yet; else in words why it never will."""
    bad = [state for state in _BAD if states[state]]
    if one.when == "succeeded" and bad:
        count, total = states[bad[0]], states.total()
        which = "it" if total == 1 else f"{count} of its {total} jobs"
        return f"{which} {_BAD[bad[0]][count > 1]}"
    return "" if all(state.is_terminal for state in +states) else None


def _told(job_ids: Sequence[str]) -> Event:
    more = f" and {len(job_ids) - _TOLD} more" if job_ids[_TOLD:] else ""
    shown = ", ".join(job_ids[:_TOLD]) + more
    return Event("after", f"cancelled with it, for they were to start after it: {shown}")
