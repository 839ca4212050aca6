"""Job, Allocation, Attempt: the durable facts. `lifecycle` is the only writer of them."""

from __future__ import annotations

import signal
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import Any, Literal

from launcher import names
from launcher.model.checkpoint import KeepBest
from launcher.model.ending import Ending
from launcher.model.states import JobState

_CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE})


@dataclass(frozen=True)
class RankExit:
    """How one rank ended, as its own agent saw it.

    `code` is the exit code, or minus the signal's number. `stopped`: the gang's stop ended it, so
    its code says nothing about the program. `after_s`: seconds since the attempt's start on the
    leader's clock, by which exits of a gang are ordered.
    """

    rank: int
    code: int
    stopped: bool = False
    after_s: float = 0.0
    reported: bool = False
    """The rank reported a point or a checkpoint in this attempt."""
    finished: bool = False
    """Its last report or checkpoint was of the final step."""
    oom: bool = False
    """The kernel counted an out-of-memory kill in its memory group."""
    tail: str = ""
    """Its last log lines."""
    error: str = ""
    """The error in the program's own words, when it wrote an ERROR_FILE as torch does."""
    peak_memory: int = 0
    """Bytes that its largest process had in memory at most; 0: not known."""
    warm: bool = False
    """It was forked from an interpreter that had imported its framework."""

    @property
    def has_crashed(self) -> bool:
        """A fault of native code ended it: of the program's, or of a fork that was not safe."""
        return -self.code in _CRASHES


@dataclass(frozen=True)
class Verdict:
    """What an attempt came to, in the words of its leader (or inferred when that died)."""

    ending: Ending
    words: str = ""
    first_failing: int | None = None
    """Rank that failed first, never one that the gang's stop ended."""
    exits: tuple[RankExit, ...] = ()
    began: bool = False
    """The program reported at least once, or ran for so long that it had surely begun."""


@dataclass(frozen=True)
class Attempt:
    """One launch of the gang. Times are seconds since the epoch on the server's clock."""

    number: int
    allocation: int
    granted_at: float
    resume_step: int | None = None
    resume_checkpoint: int | None = None
    started_at: float | None = None
    ended_at: float | None = None
    stopping: Ending | None = None
    """Set when the server wants the attempt stopped: the ending that it will then have."""
    stopping_since: float | None = None
    force: bool = False
    """The stop must not wait for the program's grace."""
    verdict: Verdict | None = None
    stopping_words: str = ""
    """Why it is being stopped, where that says more than the words of the ending."""

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None


@dataclass(frozen=True)
class Slot:
    """One node of an allocation, and what is proven of it. Facts only grow: no message undoes one.

    An agent starts ranks of an attempt only after the server registered its address and granted
    that attempt to it, so a slot without an address runs nothing.
    """

    index: int
    node_id: str
    ranks: int
    replicas: int = 1
    """Workers that each of the ranks stands for."""
    address: str = ""
    """host:port of the agent's gang channel; empty until it registered."""
    quiet: int = 0
    """No rank of this or an earlier attempt runs here or ever will, by its agent's word."""
    closed: str = ""
    """Not empty: no rank runs here or ever will; the text is the proof."""
    lost: Ending | None = None
    """Closed by loss, not by its agent's word: WORKER_LOST, NODE_LOST or CLUSTER_LOST."""
    set_up: int = 0
    """The environment of this attempt is in place here, by its agent's word."""
    set_up_at: float = 0.0
    """When the server heard that, on its clock."""
    notes: int = 0
    """Number of the agent's last note that became an event."""

    @property
    def workers(self) -> int:
        return self.ranks * self.replicas

    def has_ended(self, attempt: int) -> bool:
        return bool(self.closed) or self.quiet >= attempt


class AllocationState(str, Enum):
    WANTED = "WANTED"
    STOPPING = "STOPPING"
    """Not wanted any more; its agents and its resources are on their way back."""
    GONE = "GONE"
    """The executor gave the resources back."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Allocation:
    """Resources held for a job on one cluster: a placement group with an agent on each node."""

    job_id: str
    number: int
    cluster: str
    slots: tuple[Slot, ...]
    created_at: float
    state: AllocationState = AllocationState.WANTED

    @property
    def id(self) -> str:
        return names.allocation_id(self.job_id, self.number)

    @property
    def workers(self) -> int:
        """How many it is for."""
        return sum(slot.workers for slot in self.slots)

    @property
    def is_wanted(self) -> bool:
        return self.state is AllocationState.WANTED

    @property
    def is_whole(self) -> bool:
        """Every agent registered and none is closed: it can carry another attempt."""
        return all(slot.address and not slot.closed for slot in self.slots)


@dataclass(frozen=True)
class Resources:
    """What a gang needs. Sizes in bytes. `nodes`: exact number of nodes, if the user fixed it."""

    workers: int
    """Of an elastic gang the most."""
    cpus_per_worker: float = 1
    gpus_per_worker: int = 0
    memory_per_worker: int = 0
    custom: dict[str, float] = field(default_factory=dict)
    """Ray custom resources a worker."""
    labels: dict[str, str] = field(default_factory=dict)
    accelerator: str | None = None
    placement: str = "pack"
    nodes: int | None = None
    workers_per_node: int | None = None
    uneven: bool = False
    replicas_per_rank: int = 1
    """Workers that each rank stands for: more than 1 where one process has them all."""
    fewest: int | None = None
    """An elastic gang may have any number of workers from this to `workers`."""

    @property
    def is_elastic(self) -> bool:
        return self.fewest is not None and self.fewest < self.workers

    @property
    def smallest(self) -> Resources:
        """The gang with as few workers as it may have."""
        return self.upto(self.fewest) if self.fewest is not None else self

    def of(self, workers: int) -> Resources:
        """The gang with exactly so many workers."""
        if workers == self.workers and self.fewest is None:
            return self
        return replace(self.upto(workers), fewest=None)

    def upto(self, workers: int) -> Resources:
        """The gang with so many workers at most."""
        together = self.replicas_per_rank > 1
        return replace(self, workers=workers, replicas_per_rank=workers if together else 1)

    @cached_property
    def footprint(self) -> Hashable:
        """Equal for gangs of equal needs and shape (a dataclass that holds dicts does not hash)."""
        return (
            self.workers,
            self.fewest,
            self.cpus_per_worker,
            self.gpus_per_worker,
            self.memory_per_worker,
            frozenset(self.custom.items()) if self.custom else None,
            frozenset(self.labels.items()) if self.labels else None,
            self.accelerator,
            self.placement,
            self.nodes,
            self.workers_per_node,
            self.uneven,
        )

    def per_worker(self) -> dict[str, float]:
        """Ray resource names and amounts of one worker."""
        needs: dict[str, float] = {"CPU": self.cpus_per_worker}
        if self.gpus_per_worker:
            needs["GPU"] = self.gpus_per_worker
        if self.memory_per_worker:
            needs["memory"] = self.memory_per_worker
        return needs | self.custom

    def per_rank(self) -> dict[str, float]:
        """The same of one rank."""
        each = self.per_worker().items()
        return {name: amount * self.replicas_per_rank for name, amount in each}


@dataclass(frozen=True)
class Policy:
    """What the server itself obeys of a spec, beside its resources. Durations in seconds."""

    max_retries: int = 0
    backoff_s: float = 10.0
    run_timeout_s: float | None = None
    start_timeout_s: float = 600.0
    queue_timeout_s: float | None = None
    grace_s: float = 60.0
    keep_last: int = 2
    keep_best: KeepBest | None = None
    sets_up: bool = False
    """Its environment is made on the nodes first: it passes through SETUP."""
    lock: str = ""
    """sha256 of the versions that its requirements were resolved to; empty: not resolved yet."""
    own_python: str = ""
    """The submitter's interpreter: of a spec that names none, on the embedded cluster alone."""
    preemptible: bool = False
    """It may be stopped for others after it saved, and may hold more than its project's quota."""
    resize_every_s: float = 600.0
    """An elastic gang runs for so long before it is stopped to grow."""


@dataclass(frozen=True)
class After:
    """What must have happened before a job may start: another job, or array, ended so."""

    job: str
    """Its id."""
    when: Literal["succeeded", "ended"] = "succeeded"
    """`ended`: however."""

    @classmethod
    def read(cls, text: str) -> After:
        """What a spec says.

        >>> After.read("digits-k3m9ap:any")
        After(job='digits-k3m9ap', when='ended')
        """
        job, colon, _ = text.partition(":")
        return cls(job, "ended" if colon else "succeeded")

    @property
    def written(self) -> str:
        """As a spec says it."""
        return f"{self.job}:any" if self.when == "ended" else self.job


@dataclass(frozen=True)
class Job:
    """A submitted spec and how far it has come."""

    id: str
    name: str
    project: str
    priority: int
    cluster: str
    """The cluster it must run on, or `any`."""
    spec: dict[str, Any]
    """The validated spec as JSON, with every default filled in."""
    code: str
    """sha256 of its packaged workdir; empty: none."""
    resources: Resources
    policy: Policy
    submitted_at: float
    user: str = ""
    """Who submitted it."""
    state: JobState = JobState.QUEUED
    queued_at: float = 0.0
    ended_at: float | None = None
    allocation: Allocation | None = None
    attempt: Attempt | None = None
    failures: int = 0
    """Endings counted against retries.max."""
    fruitless: int = 0
    """Free retries in a row in which the program did not begin."""
    not_before: float = 0.0
    """No attempt is granted earlier: by its spec, or after a failure by its back-off."""
    reason: str = ""
    """Why it waits, or the words of its last ending."""
    revision: int = 0
    """Number of the stored version that this one was read as."""
    from_checkpoint: int | None = None
    """Another job's checkpoint, from which it begins while it has none of its own."""
    from_step: int | None = None
    held_at: float | None = None
    """Since when it is HELD."""
    after: tuple[After, ...] = ()
    """What it still waits for before it may be placed."""
    array_id: str | None = None
    """The array that it is an element of."""
    array_index: int | None = None
    array_count: int | None = None
    """How many elements the array was submitted with."""
    array_limit: int | None = None
    """How many of them may be in the queue or run at once; None: all."""
    array_waits: bool = False
    """By that limit it is not its turn yet."""
    kept_back_s: float = 0.0
    """How long it was kept out of the queue, in all."""

    @property
    def in_line_since(self) -> float:
        """From when its age in the queue counts: its submit, and later by what kept it out."""
        return self.submitted_at + self.kept_back_s

    @property
    def gang(self) -> Resources:
        """What its allocation is for; without one, what it wants."""
        if self.allocation is None or not self.resources.is_elastic:
            return self.resources
        return self.resources.of(self.allocation.workers)

    @property
    def resizes(self) -> bool:
        """It gave its place back for a larger one, and waits for that."""
        last = self.attempt
        if self.state is not JobState.QUEUED or last is None or last.verdict is None:
            return False
        # Once it was held, or failed to start, it waits like any other.
        return last.verdict.ending is Ending.RESIZED and last.ended_at == self.queued_at

    @property
    def is_eligible(self) -> bool:
        """Whether it is in the queue for resources: nothing but those and `not_before` keep it."""
        return self.state is JobState.QUEUED and not self.after and not self.array_waits


WARNING = "warning"
"""Kind of the events that are shown with the job: the user should mend something."""


@dataclass(frozen=True)
class Event:
    """One line of a job's history, for people: what happened, and its cause."""

    kind: str
    text: str
    attempt: int | None = None


@dataclass(frozen=True)
class Change:
    """A job after a step of its life, and the events that tell it."""

    job: Job
    events: tuple[Event, ...] = ()

    def then(self, following: Change) -> Change:
        """This change and, on its job, the following one."""
        return Change(following.job, self.events + following.events)
