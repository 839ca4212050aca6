"""The one writer of a job's state: pure functions (job, what happened, now) -> Change.

The invariant they keep: a new attempt is granted only when every slot of the one before has ended,
by its agent's word or by a proof of its death. Messages may be lost, doubled, late and reordered:
each function is idempotent and takes facts that only grow, so what is stale changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from launcher.model.ending import NEXT_STATE, RETRY, WORDS, Ending, Retry
from launcher.model.job import (
    Allocation,
    AllocationState,
    Attempt,
    Change,
    Event,
    Job,
    Slot,
    Verdict,
)
from launcher.model.states import ACTIVE, TRANSITIONS, JobState
from launcher.model.verdict import overruled
from launcher.units import format_duration

MAX_FRUITLESS = 5
"""Free retries in a row without a sign of training, after which a job is not tried again."""
FRUITLESS_WAIT_S = 5.0
MAX_BACKOFF_S = 600.0
_OUR_DOING = frozenset({Ending.PREEMPTED, Ending.RESIZED, Ending.NODE_DRAINED})
"""Endings that say nothing about whether the job can ever begin."""
_LEAVES = _OUR_DOING | {Ending.NODE_LOST}
"""After these no attempt follows in the same place: a node that was lost in good order is whole."""


class IllegalTransitionError(Exception):
    """A state change that the table does not allow: a bug here, never a user's mistake."""


def move(job: Job, state: JobState, reason: str, now: float) -> Job:
    """The job in another state.

    Raises:
        IllegalTransitionError: TRANSITIONS does not allow it.
    """
    if state not in TRANSITIONS[job.state]:
        raise IllegalTransitionError(f"{job.id}: {job.state} -> {state} ({reason})")
    return replace(job, state=state, reason=reason, ended_at=now if state.is_terminal else None)


# --- granting ------------------------------------------------------------------------------------


def place(
    job: Job,
    cluster: str,
    workers_by_node: Sequence[tuple[str, int]],
    now: float,
    resume: tuple[int, int] | None = None,
) -> Change:
    """Grant a queued job a new allocation and in it a new attempt.

    Args:
        job: in state QUEUED, every earlier attempt over.
        cluster: where.
        workers_by_node: Ray node id and number of workers, node 0 first.
        now: server clock.
        resume: id and step of the checkpoint to resume from.
    """
    assert job.attempt is None or job.attempt.is_over
    number = job.allocation.number + 1 if job.allocation else 1
    gang = job.resources.of(sum(workers for _, workers in workers_by_node))
    each = gang.replicas_per_rank
    slots = tuple(
        Slot(index, node, workers // each, each)
        for index, (node, workers) in enumerate(workers_by_node)
    )
    allocation = Allocation(job.id, number, cluster, slots, now)
    where = f"{len(slots)} node{'s' * (len(slots) != 1)} of cluster {cluster}"
    if job.resources.is_elastic:
        where += f" with {gang.workers} of {job.resources.workers} workers"
    return _grant(replace(job, allocation=allocation), now, resume, f"on {where}")


def grant_in_place(job: Job, now: float, resume: tuple[int, int] | None) -> Change:
    """Grant the next attempt in the allocation that the last one left whole."""
    assert job.attempt is not None
    assert job.attempt.is_over
    return _grant(job, now, resume, "in the same allocation")


def wants_grant(job: Job, now: float) -> bool:
    """True when the job's allocation waits for its next attempt and the back-off is over."""
    return (
        job.state is JobState.STARTING
        and job.attempt is not None
        and job.attempt.is_over
        and now >= job.not_before
    )


def _grant(job: Job, now: float, resume: tuple[int, int] | None, where: str) -> Change:
    assert job.allocation is not None
    number = job.attempt.number + 1 if job.attempt else 1
    attempt = Attempt(
        number,
        job.allocation.number,
        now,
        resume_checkpoint=resume[0] if resume else None,
        resume_step=resume[1] if resume else None,
    )
    origin = f", resumes from step {resume[1]}" if resume else ""
    # In the same allocation the environment is there already: its agents hold it.
    to_set_up = job.policy.sets_up and job.state is JobState.QUEUED
    state = JobState.SETUP if to_set_up else JobState.STARTING
    job = move(replace(job, attempt=attempt), state, "", now)
    text = f"attempt {number} granted {where}{origin}"
    return Change(job, (Event("granted", text, number),))


# --- what agents and executors say ----------------------------------------------------------------


def register(job: Job, allocation: int, index: int, address: str) -> Change:
    """An agent is up at `address` (host:port of its gang channel)."""
    slot = _slot(job, allocation, index)
    if slot is None or slot.closed or slot.address:
        return Change(job)
    return Change(_with_slot(job, replace(slot, address=address)))


def allocation_failed(job: Job, allocation: int, reason: str, now: float) -> Change:
    """The resources could not be had (another user of the cluster took them): back to the queue."""
    current = _current(job, allocation)
    if current is None or not current.is_wanted:
        return Change(job)
    event = Event("allocation-failed", reason, job.attempt.number if job.attempt else None)
    slots = tuple(
        slot if slot.address or slot.closed else _lose(slot, reason, Ending.START_TIMEOUT)
        for slot in current.slots
    )
    job = replace(job, allocation=replace(current, slots=slots, state=AllocationState.STOPPING))
    return Change(job, (event,)).then(settle(job, now))


def set_up(job: Job, allocation: int, index: int, attempt: int, now: float) -> Change:
    """The agent's word: the environment of this attempt is in place on its node."""
    slot = _slot(job, allocation, index)
    if slot is None or slot.set_up >= attempt:
        return Change(job)
    job = _with_slot(job, replace(slot, set_up=attempt, set_up_at=now))
    if job.allocation is None or job.attempt is None:
        return Change(job)
    if any(slot.set_up < job.attempt.number for slot in job.allocation.slots):
        return Change(job)
    return _past_setup(job, now)


def lock(job: Job, digest: str) -> Change:
    """The job's requirements were resolved; every later attempt and node takes the same versions.

    Args:
        job: keeps what it was locked to first.
        digest: sha256 of the lock, a blob.
    """
    if job.policy.lock:
        return Change(job)
    event = Event("locked", f"the versions of its requirements are locked ({digest[:12]})")
    return Change(replace(job, policy=replace(job.policy, lock=digest)), (event,))


def started(job: Job, attempt: int, now: float) -> Change:
    """Every rank of the gang was started."""
    current = job.attempt
    if current is None or current.number != attempt or current.started_at is not None:
        return Change(job)
    if current.is_over:  # by its lease: the word of an agent that was away comes late
        return Change(job)
    past = _past_setup(replace(job, attempt=replace(current, started_at=now)), now)
    job = past.job
    if job.state is not JobState.STARTING:
        return past
    ranks = sum(slot.ranks for slot in job.allocation.slots) if job.allocation else 0
    text = f"attempt {attempt} runs: {ranks} rank{'s' * (ranks != 1)} started"
    told = Event("running", text, attempt)
    return past.then(Change(move(job, JobState.RUNNING, "", now), (told,)))


def quiet(job: Job, allocation: int, index: int, attempt: int, now: float) -> Change:
    """The agent's word: no rank of this or an earlier attempt runs on its node or ever will."""
    slot = _slot(job, allocation, index)
    if slot is None or slot.quiet >= attempt:
        return Change(job)
    return settle(_with_slot(job, replace(slot, quiet=attempt)), now)


def give_verdict(job: Job, attempt: int, verdict: Verdict) -> Change:
    """The leader's word on what the attempt came to. Beats every inference until it is over."""
    current = job.attempt
    if current is None or current.number != attempt or current.is_over:
        return Change(job)
    return Change(replace(job, attempt=replace(current, verdict=verdict)))


def close_slot(
    job: Job, allocation: int, index: int, now: float, *, proof: str, lost: Ending | None = None
) -> Change:
    """No rank runs on that node or ever will; `lost` tells that it is not by its agent's word."""
    slot = _slot(job, allocation, index)
    if slot is None or slot.closed:
        return Change(job)
    number = job.attempt.number if job.attempt else None
    kind = "lost" if lost else "closed"
    told = bool(lost) and job.attempt is not None and not job.attempt.is_over
    events = (Event(kind, f"node {index} ({slot.node_id[:8]}): {proof}", number),) if told else ()
    job = _with_slot(job, replace(slot, closed=proof, lost=lost))
    return Change(job, events).then(settle(job, now))


def released(job: Job, allocation: int) -> Change:
    """The executor gave the resources back."""
    current = _current(job, allocation)
    if current is None or current.state is not AllocationState.STOPPING:
        return Change(job)
    return Change(replace(job, allocation=replace(current, state=AllocationState.GONE)))


# --- stopping -------------------------------------------------------------------------------------


def cancel(job: Job, now: float, *, by: str, force: bool = False) -> Change:
    """Somebody wants the job to end. Ended jobs stay as they are."""
    event = Event("cancel", f"cancelled by {by}{', without grace' if force else ''}")
    if job.state.is_terminal:
        return Change(job)
    if job.state not in ACTIVE:
        return Change(move(job, JobState.CANCELLED, event.text, now), (event,))
    if job.state is JobState.CANCELLING:
        stopped = stop(job, Ending.CANCELLED_BY_USER, now, force=force)
        return stopped if force else Change(job)
    job = move(job, JobState.CANCELLING, event.text, now)
    if job.attempt is not None and job.attempt.is_over:  # between two attempts of an allocation
        return Change(_release(move(job, JobState.CANCELLED, event.text, now)), (event,))
    return Change(job, (event,)).then(stop(job, Ending.CANCELLED_BY_USER, now, force=force))


def stop(job: Job, ending: Ending, now: float, *, force: bool = False, words: str = "") -> Change:
    """Want the running attempt stopped; `ending` is what it will have ended by, in these words.

    Slots whose agent never registered run nothing and are closed at once.
    """
    attempt, allocation = job.attempt, job.allocation
    if attempt is None or allocation is None or attempt.is_over:
        return Change(job)
    if ending is not Ending.CANCELLED_BY_USER and attempt.stopping:
        ending, words = attempt.stopping, attempt.stopping_words  # only a user's wish overrules it
    if attempt.stopping is ending and not (force and not attempt.force):
        return Change(job)
    attempt = replace(
        attempt,
        stopping=ending,
        stopping_since=attempt.stopping_since or now,
        force=force or attempt.force,
        stopping_words=words,
    )
    slots = tuple(
        slot if slot.address or slot.closed else replace(slot, closed="its agent never registered")
        for slot in allocation.slots
    )
    job = replace(job, attempt=attempt, allocation=replace(allocation, slots=slots))
    text = f"attempt {attempt.number} is being stopped: {words or WORDS[ending]}"
    return Change(job, (Event("stopping", text, attempt.number),)).then(settle(job, now))


def preempt(job: Job, now: float, *, by: str) -> Change:
    """Let the job, which holds resources, make room for the job `by`."""
    told = Event("preempted", f"makes room for {by}")
    return _give_way(job, Ending.PREEMPTED, WORDS[Ending.PREEMPTED], told, now)


def drain(job: Job, now: float, *, why: str) -> Change:
    """Let the job leave nodes that are about to go. `why`: which, and why they go."""
    told = Event("draining", f"leaves its place: {why}")
    return _give_way(job, Ending.NODE_DRAINED, f"{WORDS[Ending.NODE_DRAINED]}: {why}", told, now)


def _give_way(job: Job, ending: Ending, words: str, told: Event, now: float) -> Change:
    """It saves and stops, or leaves at once between two attempts."""
    attempt = job.attempt
    is_idle = job.state is JobState.STARTING and attempt is not None and attempt.is_over
    change = _queue_again(job, words, now) if is_idle else stop(job, ending, now, words=words)
    if not change.events:
        return change
    told = replace(told, attempt=attempt.number if attempt else None)
    return Change(change.job, (told, *change.events))


def set_priority(job: Job, priority: int, *, by: str) -> Change:
    """Let the job stand elsewhere in the queue, or be preempted sooner or later than others.

    Raises:
        IllegalTransitionError: it ended, or is being ended.
    """
    if job.state.is_terminal or job.state is JobState.CANCELLING:
        raise IllegalTransitionError(f"{job.id}: a {job.state} job has no use for a priority")
    if job.priority == priority:
        return Change(job)
    text = f"priority changed from {job.priority} to {priority} by {by}"
    return Change(replace(job, priority=priority), (Event("priority", text),))


def retry(job: Job, now: float, *, by: str) -> Change:
    """Queue a failed or cancelled job again, with a fresh budget of retries.

    Raises:
        IllegalTransitionError: it has not ended so. (A running job may be queued too, not by this.)
    """
    if job.state not in {JobState.FAILED, JobState.CANCELLED}:
        raise IllegalTransitionError(f"{job.id}: a {job.state} job is not retried")
    fresh = replace(
        job,
        failures=0,
        fruitless=0,
        not_before=0.0,
        queued_at=now,
        kept_back_s=job.kept_back_s + max(0.0, now - (job.ended_at or now)),
        held_at=None,
        array_waits=job.array_limit is not None,
    )
    event = Event("retry", f"queued again by {by}")
    return Change(move(fresh, JobState.QUEUED, "", now), (event,))


def tick(job: Job, now: float, waits_for: str = "") -> Change:
    """What the passing of time does to a job: its timeouts. `waits_for`: why it waits, in words."""
    limits = job.policy
    if job.is_eligible and limits.queue_timeout_s is not None:
        waited = now - job.queued_at
        if waited > limits.queue_timeout_s:
            limit = format_duration(limits.queue_timeout_s)
            text = f"waited longer than timeouts.queue ({limit}): {waits_for or job.reason}"
            return Change(move(job, JobState.FAILED, text, now), (Event("timeout", text),))
    attempt = job.attempt
    if job.state in {JobState.SETUP, JobState.STARTING} and attempt is not None:
        if not attempt.is_over and now - _starting_since(job) > limits.start_timeout_s:
            return stop(job, Ending.START_TIMEOUT, now)
    elif job.state is JobState.RUNNING and attempt is not None:
        limit_s = limits.run_timeout_s
        if limit_s is not None and now - (attempt.started_at or now) > limit_s:
            return stop(job, Ending.RUN_TIMEOUT, now)
    return Change(job)


def _starting_since(job: Job) -> float:
    """Since when `timeouts.start` runs. Making an environment takes the time that it takes."""
    assert job.attempt is not None
    slots = job.allocation.slots if job.allocation else ()
    if job.state is JobState.SETUP and all(slot.address for slot in slots):
        return math.inf
    ready_at = [slot.set_up_at for slot in slots if slot.set_up >= job.attempt.number]
    return max([job.attempt.granted_at, *ready_at])


# --- what follows ---------------------------------------------------------------------------------


def settle(job: Job, now: float) -> Change:
    """End the attempt when every slot of its allocation has ended, and decide what follows."""
    attempt, allocation = job.attempt, job.allocation
    if attempt is None or allocation is None:
        return Change(job)
    if attempt.is_over:
        broke = job.state is JobState.STARTING and not _can_carry(job)
        reason = "its allocation broke between two attempts"
        return _queue_again(job, reason, now) if broke else Change(job)
    if not all(slot.has_ended(attempt.number) for slot in allocation.slots):
        return Change(job)
    verdict = _final_verdict(attempt, allocation)
    past = _past_setup(job, now) if verdict.exits else Change(job)
    job = replace(past.job, attempt=replace(attempt, ended_at=now, verdict=verdict))
    text = f"attempt {attempt.number} ended: {verdict.words or WORDS[verdict.ending]}"
    told = Change(job, (Event(verdict.ending.value, text, attempt.number),))
    return past.then(told).then(_follow(job, verdict, now))


def _past_setup(job: Job, now: float) -> Change:
    """The environment is in place on all nodes: by its agents' word, or because ranks ran there.

    An agent's own word may come later than its leader's that all ranks were started, or never.
    """
    if job.state is not JobState.SETUP or job.allocation is None or job.attempt is None:
        return Change(job)
    nodes = len(job.allocation.slots)
    text = f"the environment is in place on {nodes} node{'s' * (nodes != 1)}"
    event = Event("set-up", text, job.attempt.number)
    return Change(move(job, JobState.STARTING, "", now), (event,))


def _final_verdict(attempt: Attempt, allocation: Allocation) -> Verdict:
    lost = next((slot for slot in allocation.slots if slot.lost), None)
    verdict = attempt.verdict
    if verdict is None:
        ending = lost.lost if lost and lost.lost else Ending.WORKER_LOST
        words = f"{WORDS[ending]}: {lost.closed}" if lost else "the gang's leader died"
        verdict = Verdict(ending, words)
    if attempt.stopping is None:
        return verdict
    verdict = overruled(verdict, attempt.stopping, attempt.stopping_words)
    if verdict.ending is Ending.NODE_DRAINED and lost and lost.lost:  # it went before the gang left
        words = f"{WORDS[lost.lost]}: {lost.closed} ({verdict.words})"
        verdict = replace(verdict, ending=lost.lost, words=words)
    return verdict


def _follow(job: Job, verdict: Verdict, now: float) -> Change:
    kind = RETRY[verdict.ending]
    words = verdict.words or WORDS[verdict.ending]
    if kind is Retry.COUNTED and verdict.began and job.failures < job.policy.max_retries:
        failures = job.failures + 1
        wait_s = min(job.policy.backoff_s * 2 ** (failures - 1), MAX_BACKOFF_S)
        job = replace(job, failures=failures, fruitless=0, not_before=now + wait_s)
        text = f"retry {failures} of {job.policy.max_retries}" + (
            f" in {format_duration(wait_s)}" if wait_s else ""
        )
        return Change(job, (Event("retry", text),)).then(_again(job, verdict, text, now))
    if kind is Retry.FREE:
        if verdict.ending not in _OUR_DOING:
            fruitless = 0 if verdict.began else job.fruitless + 1
            # A loss is made good at once; what fails again and again gets time to pass.
            wait_s = FRUITLESS_WAIT_S * 2 ** (fruitless - 2) if fruitless > 1 else 0.0
            job = replace(job, fruitless=fruitless, not_before=now + wait_s)
        if job.fruitless <= MAX_FRUITLESS:
            return _again(job, verdict, words, now)
        words = f"{job.fruitless} attempts in a row ended before the program began; last: {words}"
        return Change(_release(move(job, JobState.FAILED, words, now)), (Event("failed", words),))
    state = NEXT_STATE[verdict.ending]
    events: tuple[Event, ...] = ()
    if kind is Retry.COUNTED and not verdict.began and job.policy.max_retries:
        events = (Event("no-retry", "not retried: it failed before its first step or report"),)
    return Change(_release(move(job, state, words, now)), events)


def _again(job: Job, verdict: Verdict, reason: str, now: float) -> Change:
    """In the same allocation if it is whole and still ours, else through the queue."""
    running = job.state in {JobState.STARTING, JobState.RUNNING}
    if running and _can_carry(job) and verdict.ending not in _LEAVES:
        return Change(move(job, JobState.STARTING, reason, now))
    return _queue_again(job, reason, now)


def _can_carry(job: Job) -> bool:
    allocation = job.allocation
    return allocation is not None and allocation.is_wanted and allocation.is_whole


def _queue_again(job: Job, reason: str, now: float) -> Change:
    queued = replace(move(job, JobState.QUEUED, reason, now), queued_at=now)
    return Change(_release(queued), (Event("queued", f"queued again: {reason}"),))


def _release(job: Job) -> Job:
    if job.allocation is None or not job.allocation.is_wanted:
        return job
    return replace(job, allocation=replace(job.allocation, state=AllocationState.STOPPING))


def _lose(slot: Slot, proof: str, lost: Ending) -> Slot:
    return replace(slot, closed=proof, lost=lost)


def _current(job: Job, allocation: int) -> Allocation | None:
    if job.allocation is None or job.allocation.number != allocation:
        return None
    return job.allocation


def _slot(job: Job, allocation: int, index: int) -> Slot | None:
    current = _current(job, allocation)
    if current is None or not 0 <= index < len(current.slots):
        return None
    return current.slots[index]


def _with_slot(job: Job, slot: Slot) -> Job:
    assert job.allocation is not None
    slots = tuple(slot if old.index == slot.index else old for old in job.allocation.slots)
    return replace(job, allocation=replace(job.allocation, slots=slots))
