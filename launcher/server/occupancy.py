"""Who holds what of the clusters, and who waits: what `launcher top` shows."""

from __future__ import annotations

from collections.abc import Sequence

from launcher import views
from launcher.model.job import Allocation, Job
from launcher.model.states import JobState
from launcher.scheduler.state import ClusterView, NodeView
from launcher.server.control import Control
from launcher.store import jobs

Held = tuple[Allocation, Job]
"""Resources that are held, and the job they are held for."""


def occupancy(control: Control) -> views.Occupancy:
    """Everything at this moment."""
    now, books = control.clock(), control.books
    with control.store.read() as tx:
        clusters = control.floor.clusters(tx)
        waiting = {job.id: job for job in jobs.active(tx) if job.state is JobState.QUEUED}
        held: list[Held] = []
        for cluster in clusters:
            for allocation in jobs.unreleased(tx, cluster.name):
                job = jobs.get(tx, allocation.job_id)
                if job is not None:
                    held.append((allocation, job))
    in_turn = [job_id for job_id in books.in_turn(now) if job_id in waiting]
    others = sorted(waiting.keys() - set(in_turn), key=lambda key: waiting[key].submitted_at)
    places = {job_id: number for number, job_id in enumerate(in_turn, 1)}
    starts = books.starts(now)
    return views.Occupancy(
        now,
        tuple(_cluster(cluster, held) for cluster in clusters),
        tuple(
            _waiting(waiting[key], control.reason(waiting[key]), places.get(key), starts.get(key))
            for key in (*in_turn, *others)
        ),
    )


def _cluster(cluster: ClusterView, held: Sequence[Held]) -> views.ClusterOccupancy:
    own = [(allocation, job) for allocation, job in held if allocation.cluster == cluster.name]
    return views.ClusterOccupancy(
        cluster.name,
        cluster.is_live,
        round(cluster.silent_s, 1),
        tuple(_node(node, own) for node in cluster.nodes) if cluster.is_live else (),
    )


def _node(node: NodeView, held: Sequence[Held]) -> views.NodeOccupancy:
    holders = tuple(
        _holder(job, slot.ranks)
        for allocation, job in held
        for slot in allocation.slots
        if slot.node_id == node.node_id
    )
    cpus, gpus = node.total.get("CPU", 0.0), node.total.get("GPU", 0.0)
    return views.NodeOccupancy(
        node.node_id,
        node.label,
        cpus,
        gpus,
        holders,
        _others(cpus - node.free.get("CPU", 0.0), sum(one.cpus for one in holders)),
        _others(gpus - node.free.get("GPU", 0.0), sum(one.gpus for one in holders)),
    )


def _holder(job: Job, ranks: int) -> views.Holder:
    needs, workers = job.resources, ranks * job.resources.replicas_per_rank
    return views.Holder(
        job=job.id,
        state=job.state.value,
        user=job.user,
        project=job.project,
        ranks=ranks,
        cpus=needs.cpus_per_worker * workers,
        gpus=needs.gpus_per_worker * workers,
    )


def _others(taken: float, ours: float) -> float:
    """What is taken beside ours; ours may be granted and not taken yet."""
    return max(round(taken - ours, 2), 0.0)


def _waiting(
    job: Job, reason: str, position: int | None, starts_at: float | None
) -> views.WaitingJob:
    return views.WaitingJob(
        job=job.id,
        user=job.user,
        project=job.project,
        priority=job.priority,
        queued_at=job.queued_at,
        workers=job.resources.workers,
        gpus_per_worker=job.resources.gpus_per_worker,
        cpus_per_worker=job.resources.cpus_per_worker,
        reason=reason,
        position=position,
        starts_at=starts_at,
    )
