"""What the server tells of what agents measured: of a job's ranks and nodes, of nodes over time.

Plain data as in `launcher.views`. Times are seconds since the epoch, sizes bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class StragglerView:
    """A rank that is slower than the others.

    `factor`: when it was marked it was done with a step after so many times the gang's step time,
    be it that its steps take longer or that it reports them later.
    """

    rank: int
    node: str = ""
    factor: float = 0.0
    step: int = 0
    since: float = 0.0


@dataclass(frozen=True)
class RankUsage:
    """What a rank's processes took in all attempts. `cpu`: mean, 100 is one core."""

    rank: int
    cpu: float | None = None
    peak_memory: int = 0


@dataclass(frozen=True)
class NodeUsage:
    """What was so on a node of the job in all attempts. `gpu`: mean use of its GPUs, in percent."""

    index: int
    cpu: float | None = None
    gpu: float | None = None
    gpus: int = 0
    peak_gpu_memory: int = 0
    """Bytes, of the GPU that held most."""


@dataclass(frozen=True)
class NodeLoadView:
    """What a node did over time; the i-th of each column belong together, None: not known.

    `xs`: seconds since the epoch. `cpu`: percent of all cores; `gpu`: mean of the GPUs that jobs
    held; `memory`, `gpu_memory`: bytes; `power`: watts of these GPUs together.
    """

    node_id: str
    label: str = ""
    memory_total: float | None = None
    xs: tuple[float, ...] = ()
    cpu: tuple[float | None, ...] = ()
    memory: tuple[float | None, ...] = ()
    gpu: tuple[float | None, ...] = ()
    gpu_memory: tuple[float | None, ...] = ()
    power: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class ClusterMean:
    """What the nodes of a cluster did over time that were measured then: `nodes` of them.

    As in `NodeLoadView`, but `memory`: percent of what these nodes have; `power`: all together.
    """

    xs: tuple[float, ...] = ()
    nodes: tuple[int, ...] = ()
    cpu: tuple[float | None, ...] = ()
    memory: tuple[float | None, ...] = ()
    gpu: tuple[float | None, ...] = ()
    power: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class ClusterLoad:
    name: str
    nodes: tuple[NodeLoadView, ...] = ()
    mean: ClusterMean = field(default_factory=ClusterMean)


@dataclass(frozen=True)
class NodesLoad:
    """`step_s`: seconds between two points of a node that was measured all the time."""

    now: float
    step_s: float = 30.0
    clusters: tuple[ClusterLoad, ...] = ()


@dataclass(frozen=True)
class NodeUse:
    """What a node did at last, as in `NodeLoadView`."""

    cpu: float | None = None
    memory: float | None = None
    gpu: float | None = None
    gpu_memory: float | None = None
    power: float | None = None
    memory_total: float | None = None


@dataclass(frozen=True)
class Memory:
    """Resident bytes of the processes that stay between jobs; None: there is none, or not known."""

    server: int | None = None
    executor: int | None = None
    ray: int | None = None
    preloaded: int | None = None
    """Of interpreters that wait for the next jobs (docs/warm-starts.md)."""

    @property
    def always(self) -> int:
        """Of those that stay whatever ran."""
        return sum(part or 0 for part in (self.server, self.executor, self.ray))
