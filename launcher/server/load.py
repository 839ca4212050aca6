"""How much the nodes did over the last hour: what the cluster page draws.

Kept in memory, and only from when somebody asks: then what the store holds of the last hour is read
once, and from there on samples are counted as they come.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from launcher.model.job import Allocation
from launcher.model.node_load import BUCKET_S, KEPT_S, LoadPoint, NodeLoad
from launcher.model.sample import Sample
from launcher.server.control import Control
from launcher.server.mean_load import mean_of
from launcher.store import jobs
from launcher.views_measured import ClusterLoad, NodeLoadView, NodesLoad, NodeUse

_PLACES = 2000
"""Attempts whose nodes are remembered."""
_AHEAD_S = 600.0
"""A node whose clock is ahead by more is not drawn: it has no place in the last hour."""

Key = tuple[str, str]
"""Cluster and node id."""


@dataclass(frozen=True)
class _Place:
    """Where an attempt runs: `nodes` by their number in the gang."""

    cluster: str
    nodes: Mapping[int, str]


class Load:
    """Synchronous; called from worker threads."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._turn = threading.Lock()
        self._is_open = False
        self._nodes: defaultdict[Key, NodeLoad] = defaultdict(NodeLoad)
        self._places: OrderedDict[tuple[str, int], _Place | None] = OrderedDict()

    def take(self, job_id: str, attempt: int, samples: Sequence[Sample]) -> None:
        """Samples of one node of an attempt, stored already."""
        if not self._is_open:
            return
        with self._turn:
            place = self._place(job_id, attempt)
            if place is not None:
                for sample in samples:
                    self._add(place, sample.node, sample.time, sample.values)

    def recent(self, seconds: float) -> NodesLoad:
        """The nodes of the clusters that are there, over the last `seconds`."""
        now = self._control.clock()
        with self._turn:
            if not self._is_open:
                self._open(now)
                self._is_open = True
            found = {key: node.points(now, seconds) for key, node in self._nodes.items()}
            totals = {key: node.memory_total for key, node in self._nodes.items()}
            for key in [key for key, points in found.items() if not points and seconds >= KEPT_S]:
                del self._nodes[key]
        clusters = []
        for cluster in self._control.floor.clusters():
            nodes = [
                _node(node.node_id, node.label, found.get(key, []), totals.get(key))
                for node in cluster.nodes
                for key in [(cluster.name, node.node_id)]
            ]
            clusters.append(ClusterLoad(cluster.name, tuple(nodes), mean_of(nodes)))
        return NodesLoad(now, BUCKET_S, tuple(clusters))

    def newest(self) -> dict[Key, NodeUse]:
        """What each node did at last, of those that were measured within the last minute."""
        load = self.recent(2 * BUCKET_S)
        return {
            (cluster.name, node.node_id): _use(node)
            for cluster in load.clusters
            for node in cluster.nodes
            if node.xs
        }

    def _add(self, place: _Place, node: int, at: float, values: Mapping[str, float]) -> None:
        node_id = place.nodes.get(node)
        if node_id is not None and at < self._control.clock() + _AHEAD_S:
            self._nodes[place.cluster, node_id].add(at, values)

    def _place(self, job_id: str, attempt: int) -> _Place | None:
        key = (job_id, attempt)
        if key not in self._places:
            with self._control.store.read() as tx:
                job = jobs.get(tx, job_id)
            is_newest = job is not None and job.attempt and job.attempt.number == attempt
            allocation = job.allocation if job is not None and is_newest else None
            self._places[key] = _place_of(allocation)
            while len(self._places) > _PLACES:
                self._places.popitem(last=False)
        return self._places[key]

    def _open(self, now: float) -> None:
        """Read the last hour of the store."""
        since, store = now - KEPT_S, self._control.store
        with store.read() as tx:
            places = jobs.ran_since(tx, since)
        # By bucket, across jobs: what two of them measured of one node belongs together.
        found: dict[Key, dict[int, dict[str, tuple[float, int]]]] = {}
        for job, attempt, node, name, means in store.samples.of_nodes(places, since, BUCKET_S):
            place = _place_of(places[job].get(attempt))
            node_id = place.nodes.get(node) if place else None
            if place is None or node_id is None:
                continue
            buckets = found.setdefault((place.cluster, node_id), {})
            for bucket, told in means.items():
                buckets.setdefault(bucket, {})[name] = told
        for key, buckets in found.items():
            for bucket in sorted(buckets):
                if bucket * BUCKET_S < now + _AHEAD_S:
                    for name, (mean, count) in buckets[bucket].items():
                        self._nodes[key].add(bucket * BUCKET_S, {name: mean}, count)


def _place_of(allocation: Allocation | None) -> _Place | None:
    if allocation is None:
        return None
    return _Place(allocation.cluster, {slot.index: slot.node_id for slot in allocation.slots})


def _node(
    node_id: str, label: str, points: Sequence[LoadPoint], total: float | None
) -> NodeLoadView:
    return NodeLoadView(
        node_id,
        label,
        total,
        xs=tuple(one.at for one in points),
        cpu=tuple(_short(one.cpu) for one in points),
        memory=tuple(_short(one.memory) for one in points),
        gpu=tuple(_short(one.gpu) for one in points),
        gpu_memory=tuple(_short(one.gpu_memory) for one in points),
        power=tuple(_short(one.power) for one in points),
    )


def _use(node: NodeLoadView) -> NodeUse:
    newest = (node.cpu[-1], node.memory[-1], node.gpu[-1], node.gpu_memory[-1], node.power[-1])
    return NodeUse(*newest, memory_total=node.memory_total)


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
