"""What the server tells of who holds what of which node, and who waits: `launcher top`.

Plain data as in `launcher.views`.
"""

from __future__ import annotations

from dataclasses import dataclass

from launcher.views import DiskView, ProjectView
from launcher.views_measured import NodeUse
from launcher.views_pools import PoolView


@dataclass(frozen=True)
class Holder:
    """What one job holds of one node."""

    job: str
    state: str
    user: str = ""
    project: str = "default"
    ranks: int = 0
    cpus: float = 0
    gpus: float = 0


@dataclass(frozen=True)
class NodeOccupancy:
    """`other_…`: what is taken, but not by jobs of this server; `use`: of the last minute."""

    node_id: str
    host: str
    cpus: float = 0
    gpus: float = 0
    holders: tuple[Holder, ...] = ()
    other_cpus: float = 0
    other_gpus: float = 0
    use: NodeUse | None = None
    leaving: str = ""
    """Not empty: nothing new is placed there, since it is about to go; the text tells why."""


@dataclass(frozen=True)
class ClusterOccupancy:
    """`silent_s`: since its executor said anything."""

    name: str
    live: bool = False
    silent_s: float | None = None
    nodes: tuple[NodeOccupancy, ...] = ()
    pools: tuple[PoolView, ...] = ()


@dataclass(frozen=True)
class WaitingJob:
    """A job in the queue. `takes`: workers, and GPUs and CPUs of each."""

    job: str
    user: str = ""
    project: str = "default"
    priority: int = 50
    queued_at: float = 0.0
    workers: int = 1
    """At most; of an elastic job at least `min_workers`."""
    min_workers: int | None = None
    gpus_per_worker: int = 0
    cpus_per_worker: float = 1
    reason: str = ""
    position: int | None = None
    """Its place in the queue, from 1; None: something else keeps it from standing there."""
    starts_at: float | None = None
    """When it starts at the latest, where limits or experience let that be told."""


@dataclass(frozen=True)
class Occupancy:
    """Everything at one moment; `now`: the server's clock."""

    now: float = 0.0
    clusters: tuple[ClusterOccupancy, ...] = ()
    waiting: tuple[WaitingJob, ...] = ()
    """The first of those that stand in the queue, then of those that wait for something else."""
    disk: DiskView | None = None
    more: int = 0
    """How many more wait."""
    projects: tuple[ProjectView, ...] = ()
