"""Clusters per job, as the scheduler sees them: each attached Kubernetes is a cluster of one node.

How much that Kubernetes has nobody here knows, and it may grow. What the scheduler decides is the
order, within `max_jobs` and the quotas of projects: so its node has all that is held and wanted,
and a gang is one worker that takes one place of it. A job with a cluster of its own stands in no
line: it holds that place until its cluster is proven gone.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from launcher.model.job import Job, Resources
from launcher.model.own_cluster import KubernetesCluster, OwnCluster, OwnState
from launcher.model.states import JobState
from launcher.scheduler.state import ClusterView, NodeView, Running
from launcher.store import own_clusters

PLACE = "RayJob"
"""The resource of which a Kubernetes has `max_jobs`."""
NODE = "kubernetes"
_MANY_JOBS = 1_000_000
_COUNTED = ("CPU", "GPU")


class OwnBooks:
    """Not thread-safe but for `attached`, `all`, `all_attached` and `of`: users take turns."""

    def __init__(self) -> None:
        self.attached: dict[str, KubernetesCluster] = {}
        self._own: dict[str, OwnCluster] = {}
        """By job, those that are not gone."""
        self._jobs: dict[str, Job] = {}
        """Those jobs as they were stored last, without their specs."""
        self._in_line: dict[str, tuple[str, Resources]] = {}
        """Who waits for one: the attached cluster, and the gang as the scheduler sees it."""
        self._wanted: defaultdict[str, dict[str, float]] = defaultdict(_nothing)
        """What all those want, by attached cluster."""
        self._nodes: dict[str, tuple[NodeView, ...]] = {}

    def load(self, tx: Connection) -> None:
        self.attached = {one.name: one for one in own_clusters.attached(tx)}
        self._own = {one.job_id: one for one in own_clusters.there(tx)}

    # --- being told ------------------------------------------------------------------------------

    def set(self, own: OwnCluster) -> None:
        """As it is stored now."""
        if own.is_there:
            self._own[own.job_id] = own
        else:
            self._own.pop(own.job_id, None)
            self._jobs.pop(own.job_id, None)

    def saw(self, job: Job) -> None:
        """A job as it is stored now."""
        if job.id in self._own:
            self._jobs[job.id] = job

    def removed(self, job_id: str) -> None:
        """It is not in the database any more, nor is anything of its own."""
        self._own.pop(job_id, None)
        self._jobs.pop(job_id, None)

    def line_up(self, job: Job) -> Resources:
        """It waits in the queue; gives its gang as the scheduler shall see it."""
        self.leave(job.id)
        if job.cluster not in self.attached:
            return job.resources
        gang = as_one(job.resources)
        self._in_line[job.id] = (job.cluster, gang)
        self._count(job.cluster, gang, 1)
        return gang

    def leave(self, job_id: str) -> None:
        """It stands in the queue no more."""
        cluster, gang = self._in_line.pop(job_id, ("", None))
        if gang is not None:
            self._count(cluster, gang, -1)

    # --- being asked -----------------------------------------------------------------------------

    def all_attached(self) -> list[KubernetesCluster]:
        return list(self.attached.values())

    def all(self) -> list[OwnCluster]:
        """Those that are not gone."""
        return list(self._own.values())

    def of(self, job_id: str) -> OwnCluster | None:
        return self._own.get(job_id)

    def views(self) -> list[ClusterView]:
        """The attached clusters, as the scheduler sees them.

        As long as nothing changes they hold the same objects.
        """
        held: defaultdict[str, dict[str, float]] = defaultdict(_nothing)
        for own in self._own.values():
            job = self._jobs.get(own.job_id)
            if job is not None:
                needs = as_one(job.resources).per_worker()
                for name in _COUNTED:
                    held[own.cluster][name] += needs.get(name, 0.0)
        return [
            ClusterView(at.name, self._node(at, held[at.name])) for at in self.attached.values()
        ]

    def running(
        self, saved_at: dict[str, float], lasts_s: Callable[[Job], float | None]
    ) -> Iterator[tuple[str, Running]]:
        """What each job with a cluster of its own holds, by a key.

        Args:
            saved_at: when jobs saved last.
            lasts_s: how long an attempt of a job lasts at most, as far as it is known.
        """
        for own in self._own.values():
            job = self._jobs.get(own.job_id)
            if job is None:
                continue
            attempt = job.attempt
            since = attempt.granted_at if attempt and not attempt.is_over else own.since
            yield (
                key_of(own),
                Running(
                    job.id,
                    job.name,
                    own.cluster,
                    ((NODE, 1),),
                    as_one(job.resources),
                    project=job.project,
                    user=job.user,
                    priority=job.priority,
                    submitted_at=job.in_line_since,
                    since=since,
                    lasts_s=lasts_s(job),
                    saved_at=saved_at.get(job.id),
                    preemptible=job.policy.preemptible and job.state is JobState.RUNNING,
                    is_ending=own.state is not OwnState.WANTED,
                    grows_from=math.inf,
                ),
            )

    def _count(self, cluster: str, gang: Resources, sign: int) -> None:
        needs = gang.per_worker()
        for name in _COUNTED:
            self._wanted[cluster][name] += sign * needs.get(name, 0.0)

    def _node(self, at: KubernetesCluster, held: dict[str, float]) -> tuple[NodeView, ...]:
        wanted = self._wanted[at.name]
        total = {name: _roomy(wanted[name] + held[name]) for name in _COUNTED}
        total[PLACE] = float(at.max_jobs or _MANY_JOBS)
        known = self._nodes.get(at.name, ())
        if not known or known[0].total != total:
            known = self._nodes[at.name] = (NodeView(at.name, NODE, at.name, total, total),)
        return known


def key_of(own: OwnCluster) -> str:
    """What the scheduler calls that holding: no allocation's id."""
    return f"own:{own.name}"


def as_one(gang: Resources) -> Resources:
    """A gang as one worker that needs all of it, and a place.

    Its shape is Kubernetes' affair, and so is memory; GPUs and CPUs count for quotas and shares.
    """
    workers = gang.workers
    return Resources(
        workers=1,
        cpus_per_worker=gang.cpus_per_worker * workers,
        gpus_per_worker=gang.gpus_per_worker * workers,
        custom={PLACE: 1.0},
    )


def _nothing() -> dict[str, float]:
    return dict.fromkeys(_COUNTED, 0.0)


def _roomy(amount: float) -> float:
    """Rounded up, so that it seldom changes.

    >>> _roomy(0), _roomy(8), _roomy(9)
    (0.0, 8.0, 16.0)
    """
    return float(2 ** math.ceil(math.log2(amount))) if amount > 0 else 0.0
