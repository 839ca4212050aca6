"""Jobs as RayJobs: what one is made of, and what is refused at submit because it never could be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from launcher.clusters import _kuberay_manifest as manifest
from launcher.clusters._kuberay_order import judged
from launcher.clusters._kuberay_shape import groups_of
from launcher.errors import SpecError
from launcher.model.job import Job
from launcher.model.own_cluster import KubernetesCluster, OwnCluster
from launcher.scheduler.state import ClusterView, NodeView
from launcher.scheduler.words import number
from launcher.server.own_books import NODE

_NO_SERVER = "0" * 12
"""Stands for the server's id where none is known."""


def order_of(job: Job, own: OwnCluster, at: KubernetesCluster, server_id: str) -> manifest.Order:
    """What a job's RayJob is made of. `job`: with its spec."""
    return manifest.Order(
        own,
        at,
        server_id,
        job.project,
        job.user,
        job.resources,
        job.spec.get("image") or at.image,
        job.policy.grace_s,
        job.priority,
        _pod(job),
    )


def with_gpus_of(at: KubernetesCluster) -> list[ClusterView]:
    """A cluster by which it is decided whether workers have GPUs: what it has is not known."""
    total = {"GPU": 1.0} if at.has_gpus else {"CPU": 1.0}
    return [ClusterView(at.name, (NodeView(at.name, NODE, at.name, total, total),))]


def judge(job: Job, at: KubernetesCluster | None) -> tuple[str, ...]:
    """Remarks on a new job that its cluster may take.

    Args:
        job: not stored yet.
        at: the Kubernetes that it names; None: it names none.

    Raises:
        SpecError: it may not: keys are meant for another kind of cluster, or KubeRay would refuse.
    """
    if at is None:
        _expect_no_pods(job)
        return ()
    judged(order_of(job, OwnCluster(job.id, 1, at.name), at, _NO_SERVER))
    return (_shape(job, at),)


def _shape(job: Job, at: KubernetesCluster) -> str:
    groups = groups_of(job.resources, at.gpus_per_pod)
    pods = sum(group.pods for group in groups)
    each = " or ".join(number(group.workers) for group in groups)
    noun = "pods" if pods != 1 else "pod"
    text = f"its own Ray on {at.name}: {pods} {noun} of {each} worker{'s' * (each != '1')}, a head"
    many = job.resources.workers > 1 and pods > 1 and not job.resources.workers_per_node
    return text + ("; resources.workers_per_node puts more into one pod" if many else "")


def _expect_no_pods(job: Job) -> None:
    for key, is_set in (("image", job.spec.get("image")), ("kubernetes.pod", _pod(job))):
        if is_set:
            raise SpecError(
                f"{key}: cluster {job.cluster} is none that makes Ray for each job",
                hint="remove the key, or name a Kubernetes that is attached "
                "(launcher attach kubernetes)",
            )


def _pod(job: Job) -> Mapping[str, Any]:
    return (job.spec.get("kubernetes") or {}).get("pod") or {}
