"""What `launcher plan` says: a sentence, and the environment of rank 0 before there is one. Pure.

What is known only when the gang starts stands in angle brackets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from launcher.frameworks import load as load_framework
from launcher.frameworks.base import layered
from launcher.model import surroundings
from launcher.model.gang import Gang, GangNode
from launcher.model.job import Job, Resources
from launcher.model.launch import Launch
from launcher.scheduler import words
from launcher.scheduler.state import ClusterView, Placement
from launcher.units import rounded

JOB, ARRAY = "<job id>", "<array id>"
_GPU, _INTERFACE, _SECRET = "<GPU>", "<interface>", "<secret>"
_FOLDER, _SDK, _NODE_PATH = "<job folder>", "<launcher's folder>", "<node's PYTHONPATH>"
_NAMED = 5
_SAID_OF_NODES = ("GPU", "CPU", "memory")


class _Port(int):
    """A port that is reserved when the gang starts."""

    def __str__(self) -> str:
        return "<port>"


# --- sentences -----------------------------------------------------------------------------------


def starts_now(place: Placement, wish: Resources) -> str:
    """Of a job that has a place.

    >>> starts_now(Placement("a-1", "gpu", (("n0", 2), ("n1", 2))), Resources(4))
    'would start now on 2 nodes of cluster gpu'
    """
    nodes, workers = len(place.workers_by_node), sum(n for _, n in place.workers_by_node)
    size = f" with {workers} of {wish.workers} workers" if wish.is_elastic else ""
    return f"would start now on {words.count(nodes, 'node')} of cluster {place.cluster}{size}"


def preempts(jobs: Sequence[str]) -> str:
    """Of a job for which others make room.

    >>> preempts(["bert-k3m9ap"]), preempts(["a-1", "b-2"])
    ('would preempt bert-k3m9ap, and start when it has saved', \
'would preempt a-1, b-2, and start when they have saved')
    """
    named = ", ".join(words.some(jobs, _NAMED, "job", of=len(jobs)))
    they = "they have" if len(jobs) > 1 else "it has"
    return f"would preempt {named}, and start when {they} saved"


def waits(why: str, position: int | None, starts_at: float | None, now: float) -> str:
    """Of a job that has no place now.

    >>> waits("needs 8 GPUs, 4 are free", 3, 2500.0, now=100.0)
    'would wait: needs 8 GPUs, 4 are free; 3rd in the queue, starts in about 40m'
    """
    text = f"would wait: {why or 'others stand before it'}"
    if position is not None:
        text += f"; {ordinal(position)} in the queue"
        if starts_at is not None and " in about " not in why:
            text += f", starts in about {rounded(max(starts_at - now, 0.0))}"
    return text


def kept_back(obstacle: str, then: str) -> str:
    """Of a job that something else than resources keeps out of the queue at first.

    >>> kept_back("waits for digits-k3m9ap to succeed", "would start now on 1 node of cluster gpu")
    'would wait for digits-k3m9ap to succeed; without that it would start now on 1 node of \
cluster gpu'
    """
    verb, _, rest = obstacle.partition(" ")
    first = f"would wait {rest}" if verb == "waits" else f"would wait: it {obstacle}"
    return f"{first}; without that it {then}"


def never(message: str) -> str:
    return f"can never run: {message}"


def known_by_key(key: str, job_id: str) -> str:
    return f"would start nothing: key '{key}' was submitted before, its job is {job_id}"


def with_hopes(why: str, starting: Sequence[ClusterView]) -> str:
    """Why a job waits while the only clusters are just being started: with what they will have."""
    parts = [why]
    for view in starting:
        offered = {
            name: sum(node.total.get(name, 0.0) for node in view.nodes) for name in _SAID_OF_NODES
        }
        has = words.amounts({name: amount for name, amount in offered.items() if amount})
        parts.append(f"cluster {view.name} is being started and will have {has}")
    return "; ".join(filter(None, parts))


def ordinal(number: int) -> str:
    """A place in a row.

    >>> [ordinal(number) for number in (1, 2, 3, 4, 11, 21, 112)]
    ['1st', '2nd', '3rd', '4th', '11th', '21st', '112th']
    """
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in {11, 12, 13} else ending}"


# --- what else is told ---------------------------------------------------------------------------


def decided_gpus(framework: str, gpus: int) -> str:
    """That the spec names no GPUs, and what came of it."""
    if gpus:
        why = "there are GPUs"
    elif framework == "command":
        why = "framework command takes none unasked"
    else:
        why = "no cluster has GPUs"
    return f"resources.gpus_per_worker is not written; it is {gpus}, for {why}"


def array(first: Job) -> str:
    """That the plan is that of one of many."""
    at_once = f", at most {first.array_limit} at once" if first.array_limit else ""
    return (
        f"an array of {words.count(first.array_count or 1, 'job')}{at_once}; "
        f"this is the plan of the one with index {first.array_index}"
    )


# --- the environment -----------------------------------------------------------------------------


def unnamed(job: Job) -> Job:
    """The job with placeholders for the ids that it will have."""
    if job.array_id is None:
        return replace(job, id=JOB)
    return replace(job, id=f"{ARRAY}-{job.array_index}", array_id=ARRAY)


def environment(job: Job, launch: Launch, addresses: Mapping[str, str]) -> dict[str, str]:
    """What rank 0 finds beside the environment of its node.

    Args:
        job: its allocation and its first attempt are granted; its ids are placeholders.
        launch: the same job as its agents will launch it.
        addresses: of nodes, by Ray's ids of them.
    """
    allocation, attempt = job.allocation, job.attempt
    assert allocation is not None
    assert attempt is not None
    nodes = tuple(
        GangNode(
            slot.index,
            addresses.get(slot.node_id) or f"<address of node {slot.index}>",
            slot.ranks,
            (_GPU,) * (slot.workers * launch.gpus_per_worker),
            _INTERFACE,
            (_Port(),) * slot.ranks,
        )
        for slot in allocation.slots
    )
    gang = Gang(job.id, attempt.number, nodes, _Port())
    first = next(gang.ranks())
    own = load_framework(launch.framework).environment(launch, gang, first)
    own |= surroundings.of_rank(
        launch,
        folder=_FOLDER,
        sdk=_SDK,
        attempt=attempt.number,
        rank=first.rank,
        allocation=allocation.id,
        resume=attempt.resume_checkpoint,
        node_path=_NODE_PATH,
    )
    secrets = dict.fromkeys(job.spec.get("secrets") or {}, _SECRET)
    return dict(sorted((layered({}, launch, own) | secrets).items()))
