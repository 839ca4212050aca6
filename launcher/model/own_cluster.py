"""A cluster per job: Kubernetes as an admin registered it, and the Ray cluster that one job has.

The job's own Ray cluster lives in a RayJob, and is called after both: `gke.digits-k3m9ap-1`. No
other cluster has a dot in its name.

WANTED -> OVER -> LEAVING -> GONE
   └---------------^
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from enum import Enum

from launcher.model.ending import WORDS, Ending
from launcher.model.job import Change, Event, Job
from launcher.model.lifecycle import FRUITLESS_WAIT_S, MAX_BACKOFF_S, MAX_FRUITLESS, move
from launcher.model.states import JobState
from launcher.model.verdict import BEGUN_AFTER_S
from launcher.units import format_duration

KIND = "kuberay"
LONGEST_RAYJOB = 47
"""KubeRay takes no longer name: it makes those of clusters and pods of it."""
OWN_SECRET = "-launcher"  # noqa: S105 - no secret: how names of Secrets end
"""The end of the names of Secrets that hold the tokens of jobs' own clusters."""
_DOT = "."
_MAY_BE_MEMORY = frozenset({Ending.WORKER_LOST, Ending.NODE_LOST, Ending.CLUSTER_LOST})
"""What an attempt is first told to have ended by when a container of it is killed."""


@dataclass(frozen=True)
class KubernetesCluster:
    """How jobs get Ray clusters of their own in one namespace of one Kubernetes."""

    name: str
    """The jobs' `cluster`."""
    server_url: str
    """How pods reach the server."""
    namespace: str = "default"
    context: str = ""
    """Of the kubeconfig of the server; empty: its current one, or the server's own cluster."""
    image: str = ""
    """Of jobs that name none."""
    ray_version: str = "2.60.0"
    """Of that image, as KubeRay asks for it."""
    service_account: str = ""
    """Of the pods; empty: the namespace's default one."""
    gpus_per_pod: int | None = None
    """`placement: pack` fills pods with workers up to so many GPUs; None: a pod for each worker."""
    has_gpus: bool = True
    """Jobs that do not say how many GPUs they want get one for each worker."""
    max_jobs: int | None = 32
    """So many RayJobs are there at once, in the queue's order; None: no limit."""
    kueue: bool = False
    """Kueue orders the jobs: RayJobs are made suspended."""
    queues: dict[str, str] = field(default_factory=dict)
    """With Kueue: LocalQueues by project, `*` for all others; else a queue of the project's
    name."""
    priority_classes: dict[str, str] = field(default_factory=dict)
    """With Kueue: WorkloadPriorityClasses, by the lowest priority that each is for."""
    is_detached: bool = False
    """By force: jobs have clusters there still, which it must be attached for again."""

    @property
    def place(self) -> tuple[str, str]:
        """Where its RayJobs are: what is not there is proven gone by no other place."""
        return self.context, self.namespace

    def queue_of(self, project: str) -> str:
        """The LocalQueue of a project's jobs."""
        return self.queues.get(project) or self.queues.get("*") or project

    def priority_class_of(self, priority: int) -> str:
        """The WorkloadPriorityClass of a priority; empty: none."""
        floors = sorted((int(floor), name) for floor, name in self.priority_classes.items())
        return next((name for floor, name in reversed(floors) if floor <= priority), "")


class OwnState(str, Enum):
    WANTED = "WANTED"
    """Its RayJob shall be there."""
    OVER = "OVER"
    """Its job has no use for it any more: its executor ships the rest and ends."""
    LEAVING = "LEAVING"
    """Its RayJob is deleted, and what it made is on its way out."""
    GONE = "GONE"
    """No pod of it is there: that nothing of it runs is proven."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class OwnCluster:
    """The Ray cluster of one job: one RayJob, from before it is made until its pods are gone."""

    job_id: str
    number: int
    """1 for the job's first."""
    cluster: str
    """Name of the `KubernetesCluster`."""
    state: OwnState = OwnState.WANTED
    since: float = 0.0
    """When that became its state, on the server's clock."""
    uid: str = ""
    """Of the RayJob; empty until it was made."""
    cause: str = ""
    """Why it leaves, if not because its job ended."""

    @property
    def rayjob(self) -> str:
        return rayjob_name(self.job_id, self.number)

    @property
    def name(self) -> str:
        """Of the Ray cluster, at this server."""
        return f"{self.cluster}{_DOT}{self.rayjob}"

    @property
    def is_there(self) -> bool:
        return self.state is not OwnState.GONE

    def become(self, state: OwnState, now: float, cause: str = "") -> OwnCluster:
        return replace(self, state=state, since=now, cause=cause or self.cause)


def is_own(cluster: str) -> bool:
    """Whether that is the name of one job's own cluster.

    >>> is_own("gke.digits-k3m9ap-1"), is_own("gke")
    (True, False)
    """
    return _DOT in cluster


def rayjob_name(job_id: str, number: int) -> str:
    """Valid for KubeRay (DNS-1035, at most 47 characters), and of this job alone.

    >>> rayjob_name("digits-k3m9ap", 1)
    'digits-k3m9ap-1'
    >>> rayjob_name("3d-unet-k3m9ap", 2)
    'j-3d-unet-k3m9ap-2'
    """
    name = f"{job_id}-{number}" if job_id[0].isalpha() else f"j-{job_id}-{number}"
    if len(name) <= LONGEST_RAYJOB:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return f"{name[: LONGEST_RAYJOB - len(digest) - 1].rstrip('-')}-{digest}"


# --- what it does to its job, while that has no attempt under way ---------------------------------


def not_made(job: Job, words: str, now: float) -> Change:
    """The cluster cannot be had as the spec wants it, and never will."""
    if job.state is not JobState.QUEUED:
        return Change(job)
    text = f"{WORDS[Ending.SETUP_FAILED]}: {words}"
    return Change(move(job, JobState.FAILED, text, now), (Event("SETUP_FAILED", text),))


def lost(job: Job, words: str, now: float) -> Change:
    """It went away before an attempt was granted there: another one is made, not for ever."""
    if job.state is not JobState.QUEUED:
        return Change(job)
    fruitless = job.fruitless + 1
    text = f"{WORDS[Ending.CLUSTER_LOST]}: {words}"
    if fruitless > MAX_FRUITLESS:
        text = f"{fruitless} clusters in a row were lost before the program began; last: {words}"
        return Change(move(job, JobState.FAILED, text, now), (Event("failed", text),))
    wait_s = FRUITLESS_WAIT_S * 2 ** (fruitless - 1)
    job = replace(job, fruitless=fruitless, not_before=now + wait_s, reason=text)
    return Change(job, (Event("cluster-lost", text),))


def out_of_memory(job: Job, words: str, now: float) -> Change:
    """Its last attempt was lost with a container that was killed for memory: its own failure.

    Kubernetes tells that later than anybody hears of the death, so it is a correction.
    """
    last = job.attempt
    if job.state is not JobState.QUEUED or last is None or last.verdict is None:
        return Change(job)
    if last.verdict.ending not in _MAY_BE_MEMORY:
        return Change(job)
    ran_s = (last.ended_at or now) - (last.started_at or now)
    began = last.verdict.began or ran_s >= BEGUN_AFTER_S
    verdict = replace(last.verdict, ending=Ending.OUT_OF_MEMORY, words=words, began=began)
    job = replace(job, attempt=replace(last, verdict=verdict), fruitless=0)
    told = Event(Ending.OUT_OF_MEMORY.value, words, last.number)
    if not began or job.failures >= job.policy.max_retries:
        return Change(move(job, JobState.FAILED, words, now), (told,))
    failures = job.failures + 1
    wait_s = min(job.policy.backoff_s * 2 ** (failures - 1), MAX_BACKOFF_S)
    job = replace(job, failures=failures, not_before=now + wait_s, reason=words)
    text = f"retry {failures} of {job.policy.max_retries} in {format_duration(wait_s)}"
    return Change(job, (told, Event("retry", text)))
