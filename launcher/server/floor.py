"""What the server knows of its clusters right now: who speaks for them, and what they reported.

Kept in memory, since it is worth nothing after a restart but for the nodes: executors report
everything anew within a second.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from launcher.model.node import Drain, NodeReport
from launcher.model.own_cluster import is_own
from launcher.model.pools import NO_POOLS, Pools
from launcher.model.wire import AllocationReport, Report
from launcher.scheduler.state import SETTLES_S, ClusterView, NodeView
from launcher.store import clusters, drains

EMBEDDED = "local"
"""The cluster that an embedded server brings along."""
LIVE_S = 15.0
"""An executor that was silent for longer does not speak for its cluster."""


@dataclass
class _Heard:
    """The last report of one cluster's executor, and when it came (monotonic)."""

    at: float
    report: Report | None = None
    states: dict[str, AllocationReport] = field(default_factory=dict)
    given_back_at: float = -math.inf
    """When an allocation that was there was reported gone."""
    gives_back_since: float = -math.inf
    """When the first was of those that followed each other within SETTLES_S."""

    @property
    def there(self) -> set[str]:
        """Ids of the allocations that are there in any state but gone."""
        return {held.id for held in self.states.values() if held.state != "gone"}


class Floor:
    """Thread-safe.

    Args:
        clock: monotonic; no time of another machine is ever compared with it.
        expected: the embedded cluster as it will be once it has started.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        expected: ClusterView | None = None,
    ) -> None:
        self._clock = clock
        self._expected = expected
        self._started = clock()
        self._heard: dict[str, _Heard] = {}
        self._nodes: dict[str, tuple[NodeView, ...]] = {}
        """Of each cluster that was not detached, as last seen."""
        self._reported: dict[str, tuple[NodeReport, ...]] = {}
        """What those were made of."""
        self._drains: tuple[Drain, ...] = ()
        self._told: dict[str, dict[str, str]] = {}
        """By cluster and node id, why nodes are about to go, as they said themselves."""
        self._lock = threading.Lock()

    def anew(self) -> Floor:
        """As it was before anything was heard."""
        return Floor(self._clock, self._expected)

    def heard(self, cluster: str, report: Report | None = None) -> None:
        with self._lock:
            known = self._heard.setdefault(cluster, _Heard(self._clock()))
            known.at = self._clock()
            if report is not None:
                is_new = known.report is None or known.report.nodes != report.nodes
                if cluster in self._nodes and is_new:
                    self._show(cluster, report.nodes)
                before, known.report = known.there, report
                known.states = {held.id: held for held in report.allocations}
                if before - known.there:
                    if known.at - known.given_back_at >= SETTLES_S:
                        known.gives_back_since = known.at
                    known.given_back_at = known.at

    def remember(self, tx: Connection) -> None:
        """The clusters of a server that starts: they are silent until they are heard."""
        self._drains = tuple(drains.all(tx))
        for row in clusters.all(tx):
            if row.kind != clusters.DETACHED:
                self._show(row.name, row.nodes)

    def drop(self, cluster: str) -> None:
        """It was detached."""
        with self._lock:
            self._nodes.pop(cluster, None)
            self._reported.pop(cluster, None)
            self._told.pop(cluster, None)

    def forget(self, cluster: str) -> None:
        """A new session: what the one before said counts no more."""
        with self._lock:
            self._show(cluster, ())
            self._heard[cluster] = _Heard(self._clock())

    def gone(self, cluster: str) -> None:
        """Its executor is known to have ended: nobody need wait for its silence to last."""
        with self._lock:
            self._heard[cluster] = _Heard(self._clock() - LIVE_S)

    def silent_s(self, cluster: str) -> float:
        """Since when nothing was heard; after a restart of the server, since that."""
        known = self._heard.get(cluster)
        return self._clock() - (known.at if known else self._started)

    def is_live(self, cluster: str) -> bool:
        known = self._heard.get(cluster)
        return known is not None and known.report is not None and self.silent_s(cluster) < LIVE_S

    def state_of(self, cluster: str, allocation: str) -> AllocationReport | None:
        known = self._heard.get(cluster)
        return known.states.get(allocation) if known else None

    def held(self, cluster: str) -> set[str]:
        """Ids of the allocations that are there in any state but gone, as its executor says."""
        known = self._heard.get(cluster)
        return known.there if known else set()

    def is_node_alive(self, cluster: str, node_id: str) -> bool:
        known = self._heard.get(cluster)
        if known is None or known.report is None:
            return True  # nobody said that it is not
        return any(node.node_id == node_id for node in known.report.nodes)

    # --- nodes that are about to go --------------------------------------------------------------

    def set_drains(self, drains: Iterable[Drain]) -> None:
        """The nodes that people want left, as they are stored now."""
        with self._lock:
            self._drains = tuple(drains)
            self._show_all()

    def tell_leaving(self, cluster: str, node_id: str, why: str) -> bool:
        """A node said of itself that it is about to go; False: that is known."""
        with self._lock:
            told = self._told.setdefault(cluster, {})
            if node_id in told:
                return False
            told[node_id] = why
            self._show_all()
        return True

    def said(self, cluster: str, node_id: str) -> bool:
        """Whether a node said of itself that it is about to go."""
        return node_id in self._told.get(cluster, {})

    def stays(self, drain: Drain) -> None:
        """What nodes said of themselves counts no more: somebody knows better."""
        with self._lock:
            for node in self._reported.get(drain.cluster, ()):
                if drain.is_of(node):
                    self._told.get(drain.cluster, {}).pop(node.node_id, None)
            self._show_all()

    def leaving(self) -> dict[tuple[str, str], str]:
        """Why nodes are to be left at once, with their names; by cluster and node id."""
        with self._lock:
            nodes = [node for seen in self._nodes.values() for node in seen]
        return {
            (node.cluster, node.node_id): f"{node.label} ({node.leaving})"
            for node in nodes
            if node.leaving and not node.until_idle
        }

    def _show_all(self) -> None:
        for cluster, nodes in list(self._reported.items()):
            self._show(cluster, nodes)

    def _show(self, cluster: str, nodes: Sequence[NodeReport]) -> None:
        told = self._told.get(cluster, {})
        if nodes:  # else it is only not heard yet which there are
            for gone in set(told).difference(node.node_id for node in nodes):
                del told[gone]
        drained = [drain for drain in self._drains if drain.cluster == cluster]
        self._reported[cluster] = tuple(nodes)
        self._nodes[cluster] = tuple(_seen(cluster, one, told, drained) for one in nodes)

    def clusters(self) -> list[ClusterView]:
        """Every cluster as the scheduler sees it, by name.

        As long as an executor reports the same nodes, they are the same object.
        """
        with self._lock:
            known = sorted(self._nodes.items())
        return [
            ClusterView(
                name,
                nodes,
                self.is_live(name),
                self.silent_s(name),
                *self._given_back_s(name),
                self._pools(name),
            )
            for name, nodes in known
        ]

    def _given_back_s(self, cluster: str) -> tuple[float, float]:
        """Since when a gang gave everything back, and since when they do so in a row."""
        known, now = self._heard.get(cluster), self._clock()
        if known is None:
            return math.inf, math.inf
        return now - known.given_back_at, now - known.gives_back_since

    def _pools(self, cluster: str) -> Pools:
        known = self._heard.get(cluster)
        told = known.report.pools if known is not None and known.report is not None else None
        return told or NO_POOLS

    def words(self) -> str:
        """The names of the clusters, as `gpu, lab (silent)`."""
        with self._lock:
            names = sorted(self._nodes)
        return ", ".join(name if self.is_live(name) else f"{name} (silent)" for name in names)

    def prospects(self) -> list[ClusterView]:
        """The clusters by which a new job is judged: also the embedded one that is starting."""
        views = [view for view in self.clusters() if not is_own(view.name)]
        starting = self._expected is not None and not any(view.nodes for view in views)
        return [self._expected] if self._expected is not None and starting else views


def _seen(
    cluster: str, one: NodeReport, told: Mapping[str, str], drained: Iterable[Drain]
) -> NodeView:
    wish = next((drain for drain in drained if drain.is_of(one)), None)
    own = one.leaving or told.get(one.node_id, "")
    return NodeView(
        cluster,
        one.node_id,
        one.host,
        one.total,
        one.free,
        one.labels,
        leaving=own or (wish.words if wish else ""),
        until_idle=not own and wish is not None and wish.when_idle,
        pool="" if own else one.pool,  # who ends it does not reckon with it any more
    )
