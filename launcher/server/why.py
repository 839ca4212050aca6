"""One sentence on why a job is where it is. Pure."""

from __future__ import annotations

from launcher.model import waiting
from launcher.model.ending import WORDS
from launcher.model.job import Attempt, Job
from launcher.model.states import JobState
from launcher.units import format_duration


def why(job: Job, reason: str, now: float) -> str:
    """Why the job waits, what it does, or how it ended.

    Args:
        job: as stored.
        reason: why it waits, if it does.
        now: server clock.
    """
    obstacle = waiting.obstacle(job, now)
    if job.state is JobState.QUEUED and obstacle:
        return f"{job.id} {obstacle}"
    if job.state is JobState.HELD:
        since = format_duration(max(0.0, now - (job.held_at or now)))
        more = f"; released, it {obstacle}" if obstacle else ""
        return (
            f"{job.id} was {job.reason} {since} ago; launcher release {job.id} lets it go on{more}"
        )
    if job.state is JobState.QUEUED:
        waited = format_duration(max(0.0, now - job.queued_at))
        return f"{job.id} has waited for {waited}: {reason or 'the scheduler has not seen it yet'}"
    doing = _doing(job, job.attempt, now) if job.attempt is not None else ""
    if doing:
        return f"{job.id} {doing}"
    return f"{job.id} is {job.state}{': ' if job.reason else ''}{job.reason}"


def _doing(job: Job, attempt: Attempt, now: float) -> str:
    def since(moment: float | None) -> str:
        return format_duration(max(0.0, now - (moment or now)))

    match job.state:
        case JobState.SETUP:
            done = f"has been setting up its environment for {since(attempt.granted_at)}"
            return f"{done}: {_to_set_up(job)}"
        case JobState.STARTING if attempt.is_over:
            left = format_duration(max(0.0, job.not_before - now))
            return f"starts attempt {attempt.number + 1} in {left}"
        case JobState.STARTING:
            return f"starts attempt {attempt.number}: {_awaited(job)}"
        case JobState.CANCELLING:
            return f"was cancelled {since(attempt.stopping_since)} ago: {_awaited(job)}"
        case JobState.RUNNING:
            stop = attempt.stopping
            words = f", which is being stopped: {WORDS[stop]}" if stop else ""
            return f"has run attempt {attempt.number} for {since(attempt.started_at)}{words}"
    return ""


def _to_set_up(job: Job) -> str:
    allocation, attempt = job.allocation, job.attempt
    if allocation is None or attempt is None or not all(slot.address for slot in allocation.slots):
        return _awaited(job)
    busy = [slot.index for slot in allocation.slots if slot.set_up < attempt.number]
    where = f"node{'s' * (len(busy) > 1)} {', '.join(map(str, busy[:8]))}"
    return f"it is being made on {where}; launcher logs {job.id} --setup shows it"


def _awaited(job: Job) -> str:
    allocation, attempt = job.allocation, job.attempt
    if allocation is None or attempt is None:
        return "its allocation is being made"
    missing = [slot for slot in allocation.slots if not slot.address and not slot.closed]
    if missing:
        return f"waiting for the agents of {len(missing)} of {len(allocation.slots)} nodes"
    running = [slot for slot in allocation.slots if not slot.has_ended(attempt.number)]
    return f"waiting for {len(running)} of {len(allocation.slots)} nodes"
