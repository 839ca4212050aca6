"""Where a visit goes: beside which rank of a job, and whether there is one to be visited."""

from __future__ import annotations

from dataclasses import dataclass

from launcher.errors import ConflictError, SpecError
from launcher.model.job import Job, Slot
from launcher.model.states import JobState

_LONGEST_NAME = 60


@dataclass(frozen=True)
class Place:
    """Where a visit goes."""

    job_id: str
    attempt: int
    allocation: str
    index: int
    """Of the node in the allocation."""
    address: str
    """Of its agent."""
    node_id: str
    rank: int


def place_of(job: Job, rank: int | None, node: int | None) -> Place:
    """The rank that a user means: by its number, as the first one of a node, or rank 0.

    Raises:
        ConflictError: the job has no running ranks now.
        SpecError: it never has such a rank or node.
    """
    _expect_ranks(job)
    allocation, attempt = job.allocation, job.attempt
    assert allocation is not None
    assert attempt is not None
    slots = sorted(allocation.slots, key=lambda slot: slot.index)
    firsts = [sum(slot.ranks for slot in slots[:number]) for number in range(len(slots))]
    if node is not None:
        if not 0 <= node < len(slots):
            raise SpecError(f"node {node}: {_range(job.id, 'node', len(slots))}")
        rank = firsts[node]
    rank = rank or 0
    count = sum(slot.ranks for slot in slots)
    if not 0 <= rank < count:
        raise SpecError(f"rank {rank}: {_range(job.id, 'rank', count)}")
    slot = next(s for first, s in zip(firsts, slots, strict=True) if rank < first + s.ranks)
    if slot.has_ended(attempt.number):
        raise ConflictError(
            f"rank {rank} of job '{job.id}' runs no more: {slot.closed or 'it has ended'}",
            hint=f"`launcher events {job.id}` tells what happened",
        )
    return Place(
        job.id, attempt.number, allocation.id, slot.index, slot.address, slot.node_id, rank
    )


def _expect_ranks(job: Job) -> None:
    refused = f"job '{job.id}' is {job.state}"
    if job.state.is_terminal:
        raise ConflictError(
            f"{refused}: nothing of it runs any more",
            hint=f"`launcher logs {job.id}` shows what it printed; `launcher clone {job.id}` "
            "runs it once more",
        )
    attempt = job.attempt
    if job.state in {JobState.QUEUED, JobState.HELD} or attempt is None or attempt.is_over:
        raise ConflictError(
            f"{refused}: it has no ranks yet", hint=f"`launcher why {job.id}` tells what it awaits"
        )
    if attempt.started_at is None:
        raise ConflictError(
            f"{refused}: its ranks have not started yet",
            hint=f"try again when it is RUNNING; `launcher logs {job.id} -f` waits for it",
        )


def _range(job_id: str, word: str, count: int) -> str:
    held = f"{count} {word}s, 0 to {count - 1}" if count > 1 else f"one {word}, 0"
    return f"job '{job_id}' has {held}"


def words_of(place: Place, argv: tuple[str, ...], user: str) -> str:
    """The event: who ran what where. The program's name alone: its arguments may be secret.

    >>> words_of(Place("a-1", 1, "a-1.1", 0, "", "", 2), ("/usr/bin/nvidia-smi", "-l"), "ada")
    'exec by ada on rank 2: nvidia-smi'
    """
    words = argv[0].split() if argv else []
    name = words[0].rpartition("/")[2][:_LONGEST_NAME] if words else "a shell"
    return f"exec by {user} on rank {place.rank}: {name}"


def is_over(job: Job, place: Place) -> str:
    """Why nothing of the visited attempt runs there any more; empty while it may."""
    attempt, allocation = job.attempt, job.allocation
    if attempt is None or attempt.number != place.attempt or attempt.is_over:
        return f"attempt {place.attempt} of {job.id} is over"
    slots: tuple[Slot, ...] = allocation.slots if allocation is not None else ()
    slot = next((slot for slot in slots if slot.index == place.index), None)
    if slot is None or slot.closed:
        return f"node {place.index} of {job.id} is gone: {slot.closed if slot else 'given back'}"
    return ""
