"""The nodes of a cluster as a page draws them: who holds which of their GPUs and CPUs."""

from __future__ import annotations

import re
import threading
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from launcher.model.job import Allocation, Job
from launcher.scheduler.state import ClusterView, NodeView
from launcher.server.occupancy import cluster_occupancy
from launcher.views_occupancy import Holder, NodeOccupancy

HUES = 24
"""So many colours there are for jobs."""
ROOMY = 48
"""Of more nodes each is drawn small."""
_NAMED = 12
_LITTLE = 1e-6


@dataclass(frozen=True)
class Run:
    """Cells side by side that one holder has; those of others than our jobs have no holder."""

    first: float
    count: float
    holder: Holder | None = None


@dataclass(frozen=True)
class Node:
    """`is_gone`: its cluster does not know it any more, and a job had something of it."""

    node_id: str
    label: str
    gpus: float
    cpus: float
    gpu_runs: tuple[Run, ...]
    cpu_runs: tuple[Run, ...]
    is_gone: bool = False
    leaving: str = ""

    @property
    def free_gpus(self) -> float:
        return max(self.gpus - sum(run.count for run in self.gpu_runs), 0.0)

    @property
    def free_cpus(self) -> float:
        return max(self.cpus - sum(run.count for run in self.cpu_runs), 0.0)


@dataclass(frozen=True)
class Tenant:
    """What one job holds of a whole cluster."""

    holder: Holder
    nodes: int


@dataclass(frozen=True)
class Floorplan:
    """One cluster."""

    name: str
    is_live: bool
    silent_s: float
    nodes: tuple[Node, ...]
    tenants: tuple[Tenant, ...]
    """The largest first."""

    @property
    def gpus(self) -> float:
        return sum(node.gpus for node in self.nodes)

    @property
    def cpus(self) -> float:
        return sum(node.cpus for node in self.nodes)

    @property
    def free_gpus(self) -> float:
        return sum(node.free_gpus for node in self.nodes if not node.is_gone)

    @property
    def free_cpus(self) -> float:
        return sum(node.free_cpus for node in self.nodes if not node.is_gone)

    @property
    def is_roomy(self) -> bool:
        return len(self.nodes) <= ROOMY

    @property
    def named(self) -> int:
        """How many tenants are told by name at once."""
        return _NAMED


class Palette:
    """Gives each job a colour that it keeps for as long as it holds something. Thread-safe."""

    def __init__(self) -> None:
        self._hues: dict[str, int] = {}
        self._lock = threading.Lock()

    def of(self, job_ids: Iterable[str]) -> dict[str, int]:
        """Numbers of colours by job; the jobs that are not named are forgotten.

        A new job takes a colour that the fewest have, by its id, so that a server that starts anew
        mostly comes to the same.
        """
        with self._lock:
            kept = {job: self._hues.get(job, -1) for job in job_ids}
            taken = Counter(hue for hue in kept.values() if hue >= 0)
            for job in [job for job, hue in kept.items() if hue < 0]:
                first = zlib.crc32(job.encode())
                turned = [(first + at) % HUES for at in range(HUES)]
                kept[job] = min(turned, key=lambda hue: taken[hue])
                taken[kept[job]] += 1
            self._hues = kept
            return dict(kept)


def floorplan(cluster: ClusterView, held: Sequence[tuple[Allocation, Job]]) -> Floorplan:
    """One cluster; of one that is silent the nodes that it had when it was heard."""
    known = {node.node_id for node in cluster.nodes}
    lost = {
        slot.node_id: NodeView(cluster.name, slot.node_id, slot.node_id[:8], {}, {})
        for allocation, _ in held
        for slot in allocation.slots
        if slot.node_id not in known and not slot.closed
    }
    nodes = (*cluster.nodes, *lost.values())
    seen = cluster_occupancy(replace(cluster, nodes=nodes, is_live=True), held).nodes
    drawn = [_node(node, is_gone=node.node_id in lost) for node in seen]
    return Floorplan(
        cluster.name,
        cluster.is_live,
        cluster.silent_s,
        tuple(sorted(drawn, key=lambda node: (not node.is_gone, _natural(node.label)))),
        tuple(_tenants(seen)),
    )


def _node(node: NodeOccupancy, *, is_gone: bool) -> Node:
    gpu_runs = _runs(((one.gpus, one) for one in node.holders), node.other_gpus)
    cpu_runs = _runs(((one.cpus, one) for one in node.holders), node.other_cpus)
    gpus = max(node.gpus, sum(run.count for run in gpu_runs)) if is_gone else node.gpus
    cpus = max(node.cpus, sum(run.count for run in cpu_runs)) if is_gone else node.cpus
    label = node.host or node.node_id[:8]
    return Node(node.node_id, label, gpus, cpus, gpu_runs, cpu_runs, is_gone, node.leaving)


def _runs(held: Iterable[tuple[float, Holder]], other: float) -> tuple[Run, ...]:
    runs, first = [], 0.0
    for amount, holder in [*held, (other, None)]:
        if amount > _LITTLE:
            runs.append(Run(first, amount, holder))
            first += amount
    return tuple(runs)


def _tenants(nodes: Iterable[NodeOccupancy]) -> list[Tenant]:
    found: dict[str, Tenant] = {}
    for node in nodes:
        for one in node.holders:
            before = found.get(one.job)
            if before is None:
                found[one.job] = Tenant(one, 1)
                continue
            whole = replace(
                one,
                ranks=before.holder.ranks + one.ranks,
                cpus=before.holder.cpus + one.cpus,
                gpus=before.holder.gpus + one.gpus,
            )
            found[one.job] = Tenant(whole, before.nodes + 1)
    return sorted(
        found.values(), key=lambda one: (-one.holder.gpus, -one.holder.cpus, one.holder.job)
    )


def _natural(text: str) -> list[int | str]:
    """An order in which node-2 comes before node-10."""
    parts = re.split(r"(\d+)", text)
    return [int(part) if at % 2 else part for at, part in enumerate(parts)]
