"""What the scheduler sees and says: plain data, made by the server, without clock or I/O.

Amounts go by Ray's resource names (`CPU`, `GPU`, `memory` in bytes, custom ones).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from launcher.model.job import Resources

ANY = "any"
"""The name of a job's cluster when it takes the first that fits."""

WorkersByNode: TypeAlias = tuple[tuple[str, int], ...]
"""Ray node id and number of workers, node 0 of the gang first."""


@dataclass(frozen=True)
class NodeView:
    """One living node, as the executor of its cluster reported it last."""

    cluster: str
    node_id: str
    host: str
    total: Mapping[str, float]
    free: Mapping[str, float]
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What people call it."""
        return self.host or self.node_id[:8]


@dataclass(frozen=True)
class ClusterView:
    """A cluster whose executor has reported at least once. Durations in seconds."""

    name: str
    nodes: tuple[NodeView, ...]
    is_live: bool = True
    silent_s: float = 0.0
    """Since when nothing was heard of its executor."""


@dataclass(frozen=True)
class Waiting:
    """A queued job. Times are seconds since the epoch on the server's clock."""

    job_id: str
    name: str
    priority: int
    submitted_at: float
    queued_at: float
    not_before: float
    cluster: str
    """The cluster it must run on, or `any`."""
    resources: Resources


@dataclass(frozen=True)
class Running:
    """An allocation that is not proven gone, so also one that is on its way up or back."""

    job_id: str
    name: str
    cluster: str
    workers_by_node: WorkersByNode
    resources: Resources
    is_counted: bool = False
    """The reported free amounts of its nodes are already without it: the same report called it up.
    In doubt False: a holding that is subtracted twice delays a job, one forgotten fails it."""

    def held(self, workers: int) -> dict[str, float]:
        """What `workers` of its workers hold."""
        return {name: workers * each for name, each in self.resources.per_worker().items()}


@dataclass(frozen=True)
class State:
    clusters: tuple[ClusterView, ...]
    waiting: tuple[Waiting, ...]
    running: tuple[Running, ...] = ()


@dataclass(frozen=True)
class Placement:
    """Grant this job an attempt there."""

    job_id: str
    cluster: str
    workers_by_node: WorkersByNode


@dataclass(frozen=True)
class Decisions:
    """What one cycle came to: each waiting job is placed, or has a reason why it is not."""

    placements: tuple[Placement, ...]
    """In the order of the queue."""
    reasons: dict[str, str]
    """Job id -> why it waits, in words for its user."""
