"""Who holds what of the clusters, and who waits: what `launcher top` shows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from launcher.model.job import Allocation, Job, Slot
from launcher.model.states import JobState
from launcher.scheduler.state import ClusterView, NodeView
from launcher.server.control import Control
from launcher.server.masking import Mask
from launcher.store.jobs import Within
from launcher.views_measured import NodeUse
from launcher.views_occupancy import ClusterOccupancy, Holder, NodeOccupancy, Occupancy, WaitingJob
from launcher.views_pools import PoolView

_WAIT = frozenset({JobState.QUEUED, JobState.HELD})
Held = tuple[Allocation, Job]
"""Resources that are held, and the job they are held for."""
_SHOWN = 200
"""So many of those in the queue, and of those beside it: more than a terminal has lines."""
_LOOKED_THROUGH = 20_000
"""Among so many those of a few projects are looked for."""


def occupancy(control: Control, within: Within = None) -> Occupancy:
    """Everything at this moment; of a long queue its beginning.

    Args:
        control: the server's.
        within: only jobs of these projects; what others hold is taken by nobody who is named.
    """
    now, books, clusters = control.clock(), control.books, control.floor.clusters()
    limit = _SHOWN if within is None else _LOOKED_THROUGH
    in_turn, others = books.in_turn(now, limit), books.aside(now, limit)
    places = {job.id: number for number, job in enumerate(in_turn, 1)}
    count = books.count_waiting()
    if within is not None:
        in_turn, others = (
            [job for job in found if job.project in within][:_SHOWN] for found in (in_turn, others)
        )
        counts = books.tally().jobs.items()
        count = sum(many for (name, state), many in counts if name in within and state in _WAIT)
    mask = Mask(control.store, within)
    reasons = mask.texts([control.reason(job) for job in (*in_turn, *others)])
    starts = books.starts(now)
    return Occupancy(
        now,
        tuple(
            replace(
                cluster_occupancy(cluster, held_by(books.held_on(cluster.name), within)),
                pools=_pools(cluster, books.more(cluster.name)),
            )
            for cluster in clusters
        ),
        tuple(
            _waiting(job, reason, places.get(job.id), starts.get(job.id))
            for job, reason in zip((*in_turn, *others), reasons, strict=True)
        ),
        more=max(count - len(in_turn) - len(others), 0),
    )


def held_by(held: Sequence[Held], within: Within) -> Sequence[Held]:
    """What jobs of these projects hold; None: of all."""
    return held if within is None else [one for one in held if one[1].project in within]


def cluster_occupancy(cluster: ClusterView, held: Sequence[Held]) -> ClusterOccupancy:
    """Who holds what of one cluster; no nodes of one that is silent."""
    holders: defaultdict[str, list[Holder]] = defaultdict(list)
    for allocation, job in held:
        for slot in allocation.slots:
            holders[slot.node_id].append(_holder(job, slot))
    return ClusterOccupancy(
        cluster.name,
        cluster.is_live,
        round(cluster.silent_s, 1),
        tuple(_node(node, tuple(holders[node.node_id])) for node in cluster.nodes)
        if cluster.is_live
        else (),
    )


def _pools(cluster: ClusterView, asked: Mapping[str, int]) -> tuple[PoolView, ...]:
    """Whose nodes come and go; none of a cluster that is silent."""
    there = Counter(node.pool for node in cluster.nodes)
    return tuple(
        PoolView(
            pool.name,
            there[pool.name],
            pool.most,
            asked.get(pool.name, 0),
            pool.coming,
            pool.trouble or cluster.pools.trouble,
        )
        for pool in (cluster.pools.pools if cluster.is_live else ())
    )


def with_use(
    clusters: Sequence[ClusterOccupancy], use: Mapping[tuple[str, str], NodeUse]
) -> tuple[ClusterOccupancy, ...]:
    """The same, each node with what it did at last, by cluster and node id."""
    return tuple(
        replace(
            cluster,
            nodes=tuple(
                replace(node, use=use.get((cluster.name, node.node_id))) for node in cluster.nodes
            ),
        )
        for cluster in clusters
    )


def _node(node: NodeView, holders: tuple[Holder, ...]) -> NodeOccupancy:
    cpus, gpus = node.total.get("CPU", 0.0), node.total.get("GPU", 0.0)
    return NodeOccupancy(
        node.node_id,
        node.label,
        cpus,
        gpus,
        holders,
        _others(cpus - node.free.get("CPU", 0.0), sum(one.cpus for one in holders)),
        _others(gpus - node.free.get("GPU", 0.0), sum(one.gpus for one in holders)),
        leaving=node.leaving,
    )


def _holder(job: Job, slot: Slot) -> Holder:
    needs, workers = job.resources, slot.workers
    return Holder(
        job=job.id,
        state=job.state.value,
        user=job.user,
        project=job.project,
        ranks=slot.ranks,
        cpus=needs.cpus_per_worker * workers,
        gpus=needs.gpus_per_worker * workers,
    )


def _others(taken: float, ours: float) -> float:
    """What is taken beside ours; ours may be granted and not taken yet."""
    return max(round(taken - ours, 2), 0.0)


def _waiting(job: Job, reason: str, position: int | None, starts_at: float | None) -> WaitingJob:
    return WaitingJob(
        job=job.id,
        user=job.user,
        project=job.project,
        priority=job.priority,
        queued_at=job.queued_at,
        workers=job.resources.workers,
        min_workers=job.resources.fewest,
        gpus_per_worker=job.resources.gpus_per_worker,
        cpus_per_worker=job.resources.cpus_per_worker,
        reason=reason,
        position=position,
        starts_at=starts_at,
    )
