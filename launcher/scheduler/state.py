"""What the scheduler sees and says: plain data, made by the server, without clock or I/O.

Amounts go by Ray's resource names (`CPU`, `GPU`, `memory` in bytes, custom ones).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from launcher.model.job import Resources
from launcher.model.pools import NO_POOLS, AskedNode, Pools
from launcher.model.project import Project, Usage
from launcher.model.reach import EVERYWHERE, Reach

SETTLES_S, PATIENCE_S = 5.0, 15.0
JUST_NOW_S = 15.0
"""Some looks at the queue lie in it."""
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
    leaving: str = ""
    """Not empty: nothing new is placed here, since it is about to go; the text tells why."""
    until_idle: bool = False
    """Of one that is leaving: what runs here may end by itself."""
    pool: str = ""
    """Of which it is one, where an autoscaler knows it."""

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
    given_back_s: float = math.inf
    """Since when it was told that a gang gave everything back."""
    gives_back_s: float = math.inf
    """Since when one after the other does so, with no longer than SETTLES_S between."""
    pools: Pools = NO_POOLS
    """By what it could grow; nothing where its executor says nothing of it."""

    @property
    def settles(self) -> bool:
        """Its nodes may not say yet what came free: Ray's own news of that takes a while."""
        # Where jobs end all the time, whoever waits for news of all of them would wait for ever.
        return self.given_back_s < SETTLES_S and self.gives_back_s < PATIENCE_S


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
    project: str = "default"
    user: str = ""
    lasts_s: float | None = None
    """How long an attempt runs at most, by its limit or by what jobs of its name took; None: not
    known."""
    preemptible: bool = False
    resizes: bool = False
    """It ran, and gave its place back only for a larger one: it goes before all others."""
    reach: Reach = EVERYWHERE
    """The clusters that its project may use."""

    def may_run_on(self, cluster: str) -> bool:
        """Whether it wants that cluster, and may use it."""
        return self.cluster in {ANY, cluster} and self.reach.allows(cluster)


@dataclass(frozen=True)
class Running:
    """An allocation that is not proven gone, so also one that is on its way up or back."""

    job_id: str
    name: str
    cluster: str
    workers_by_node: WorkersByNode
    resources: Resources
    """Of an elastic gang those of the size that it has."""
    is_counted: bool = False
    """The reported free amounts of its nodes are already without it: the same report called it up.
    In doubt False: a holding that is subtracted twice delays a job, one forgotten fails it."""
    project: str = "default"
    user: str = ""
    priority: int = 50
    submitted_at: float = 0.0
    since: float = 0.0
    """When its attempt was granted."""
    lasts_s: float | None = None
    """As of a waiting job."""
    saved_at: float | None = None
    """When the newest of its checkpoints was committed."""
    preemptible: bool = False
    """Its spec lets it be preempted."""
    is_ending: bool = False
    """It is being stopped, or over already: what it holds is on its way back."""
    wish: Resources | None = None
    """Of an elastic gang that could be larger: from how many to how many workers."""
    grows_from: float = 0.0
    """Not earlier is it stopped to grow."""

    @property
    def may_be_preempted(self) -> bool:
        """Nothing but the work since its newest checkpoint would be lost."""
        return self.preemptible and self.saved_at is not None and not self.is_ending

    def may_grow(self, now: float) -> bool:
        """It is time, and hardly any work would be lost: it has saved just now."""
        if self.wish is None or self.is_ending or self.saved_at is None or now < self.grows_from:
            return False
        return self.since < self.saved_at and now - self.saved_at <= JUST_NOW_S

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(node for node, _ in self.workers_by_node)

    def held(self, workers: int) -> dict[str, float]:
        """What `workers` of its workers hold."""
        return {name: workers * each for name, each in self.resources.per_worker().items()}


def started(job: Waiting, cluster: str, workers_by_node: WorkersByNode, at: float) -> Running:
    """The job once it holds its place."""
    return Running(
        job.job_id,
        job.name,
        cluster,
        workers_by_node,
        job.resources.of(sum(workers for _, workers in workers_by_node)),
        project=job.project,
        user=job.user,
        priority=job.priority,
        submitted_at=job.submitted_at,
        since=at,
        lasts_s=job.lasts_s,
        preemptible=job.preemptible,
    )


@dataclass(frozen=True)
class State:
    """Everything that decisions follow from."""

    clusters: tuple[ClusterView, ...]
    waiting: tuple[Waiting, ...]
    running: tuple[Running, ...] = ()
    projects: tuple[Project, ...] = ()
    usage: tuple[Usage, ...] = ()


@dataclass(frozen=True)
class Placement:
    """Grant this job an attempt there."""

    job_id: str
    cluster: str
    workers_by_node: WorkersByNode


@dataclass(frozen=True)
class Preemption:
    """Stop this job, which lets it, so that another one finds a place."""

    job_id: str
    by: str
    """The job that will have the place."""


@dataclass(frozen=True)
class Growth:
    """Stop this job, which saved just now, so that it goes on with more workers."""

    job_id: str
    workers: int
    """For how many there is room."""


@dataclass(frozen=True)
class Lacking:
    """A gang that would start if the cluster had more nodes, and so has it asked for them."""

    cluster: str
    more: Mapping[str, int]
    """By pool: how many, beside those that are asked for jobs before it."""


@dataclass(frozen=True)
class Scaling:
    """What autoscalers shall be told, and for whom."""

    nodes: Mapping[str, tuple[AskedNode, ...]] = field(default_factory=dict)
    """By cluster: all that it shall have, also what is there and shall stay; none: it may go by its
    own rules. Of a cluster that is not named nothing is decided."""
    more: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By cluster and pool: how many of them are not there yet."""
    jobs: Mapping[str, Lacking] = field(default_factory=dict)


NOTHING_ASKED = Scaling()


@dataclass(frozen=True)
class Decisions:
    """What one cycle came to."""

    placements: tuple[Placement, ...] = ()
    """In the order of the queue."""
    preemptions: tuple[Preemption, ...] = ()
    growths: tuple[Growth, ...] = ()
    scaling: Scaling = NOTHING_ASKED
