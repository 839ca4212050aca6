"""One sentence on why a job is where it is. Pure."""

from __future__ import annotations

from launcher.model.ending import WORDS
from launcher.model.job import Job
from launcher.model.states import JobState
from launcher.units import format_duration


def why(job: Job, reason: str, now: float) -> str:
    """Why the job waits, what it does, or how it ended.

    Args:
        job: as stored.
        reason: why it waits, if it does.
        now: server clock.
    """
    attempt = job.attempt
    if job.state is JobState.QUEUED:
        waited = format_duration(max(0.0, now - job.queued_at))
        return f"{job.id} has waited for {waited}: {reason or 'the scheduler has not seen it yet'}"
    if job.state is JobState.STARTING and attempt is not None:
        if attempt.is_over:
            left_s = max(0.0, job.not_before - now)
            return f"{job.id} starts attempt {attempt.number + 1} in {format_duration(left_s)}"
        return f"{job.id} starts attempt {attempt.number}: {_awaited(job)}"
    if job.state is JobState.CANCELLING and attempt is not None:
        asked = format_duration(max(0.0, now - (attempt.stopping_since or now)))
        return f"{job.id} was cancelled {asked} ago: {_awaited(job)}"
    if job.state is JobState.RUNNING and attempt is not None:
        ran = format_duration(max(0.0, now - (attempt.started_at or now)))
        stopping = (
            f", which is being stopped: {WORDS[attempt.stopping]}" if attempt.stopping else ""
        )
        return f"{job.id} has run attempt {attempt.number} for {ran}{stopping}"
    return f"{job.id} is {job.state}{': ' if job.reason else ''}{job.reason}"


def _awaited(job: Job) -> str:
    allocation, attempt = job.allocation, job.attempt
    if allocation is None or attempt is None:
        return "its allocation is being made"
    missing = [slot for slot in allocation.slots if not slot.address and not slot.closed]
    if missing:
        return f"waiting for the agents of {len(missing)} of {len(allocation.slots)} nodes"
    running = [slot for slot in allocation.slots if not slot.has_ended(attempt.number)]
    return f"waiting for {len(running)} of {len(allocation.slots)} nodes"
