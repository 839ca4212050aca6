"""What a whole cluster did over time, out of what its nodes did. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from launcher.views_measured import ClusterMean, NodeLoadView, NodesLoad


@dataclass
class _Sum:
    """Of one moment. `gpus`: how many nodes told of GPUs, and so on."""

    nodes: int = 0
    cpu: float = 0.0
    cpus: int = 0
    gpu: float = 0.0
    gpus: int = 0
    memory: float = 0.0
    total: float = 0.0
    power: float | None = None


def mean_of(nodes: Sequence[NodeLoadView]) -> ClusterMean:
    """Each node counts alike, and only when it was measured."""
    sums: defaultdict[float, _Sum] = defaultdict(_Sum)
    for node in nodes:
        columns = (node.xs, node.cpu, node.memory, node.gpu, node.power)
        for x, cpu, memory, gpu, power in zip(*columns, strict=True):
            found = sums[x]
            found.nodes += 1
            if cpu is not None:
                found.cpu, found.cpus = found.cpu + cpu, found.cpus + 1
            if gpu is not None:
                found.gpu, found.gpus = found.gpu + gpu, found.gpus + 1
            if memory is not None and node.memory_total:
                found.memory, found.total = found.memory + memory, found.total + node.memory_total
            if power is not None:
                found.power = (found.power or 0.0) + power
    xs = sorted(sums)
    rows = [sums[x] for x in xs]
    return ClusterMean(
        xs=tuple(xs),
        nodes=tuple(one.nodes for one in rows),
        cpu=tuple(_part(one.cpu, one.cpus) for one in rows),
        memory=tuple(_part(100 * one.memory, one.total) for one in rows),
        gpu=tuple(_part(one.gpu, one.gpus) for one in rows),
        power=tuple(None if one.power is None else round(one.power, 1) for one in rows),
    )


def newest_of_nodes(load: NodesLoad) -> NodesLoad:
    """With the last point alone of each node."""
    return replace(
        load,
        clusters=tuple(
            replace(cluster, nodes=tuple(map(_newest, cluster.nodes))) for cluster in load.clusters
        ),
    )


def _newest(node: NodeLoadView) -> NodeLoadView:
    return replace(
        node,
        xs=node.xs[-1:],
        cpu=node.cpu[-1:],
        memory=node.memory[-1:],
        gpu=node.gpu[-1:],
        gpu_memory=node.gpu_memory[-1:],
        power=node.power[-1:],
    )


def _part(value: float, of: float) -> float | None:
    return round(value / of, 1) if of else None
