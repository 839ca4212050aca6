"""What the server knows of its clusters right now: who speaks for them, and what they reported.

Kept in memory, since it is worth nothing after a restart but for the nodes: executors report
everything anew within a second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from launcher.model.wire import AllocationReport, Report
from launcher.scheduler.state import ClusterView, NodeView
from launcher.store import clusters

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
        self._names: set[str] = set()
        self._lock = threading.Lock()

    def heard(self, cluster: str, report: Report | None = None) -> None:
        with self._lock:
            known = self._heard.setdefault(cluster, _Heard(self._clock()))
            known.at = self._clock()
            if report is not None:
                known.report = report
                known.states = {held.id: held for held in report.allocations}

    def remember(self, tx: Connection) -> None:
        """The clusters of a server that starts: they are silent until they are heard."""
        rows = clusters.all(tx)
        self._names = {row.name for row in rows if row.kind != clusters.DETACHED}

    def drop(self, cluster: str) -> None:
        """It was detached."""
        with self._lock:
            self._names.discard(cluster)

    def forget(self, cluster: str) -> None:
        """A new session: what the one before said counts no more."""
        with self._lock:
            self._names.add(cluster)
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
        states = known.states.values() if known else ()
        return {held.id for held in states if held.state != "gone"}

    def is_node_alive(self, cluster: str, node_id: str) -> bool:
        known = self._heard.get(cluster)
        if known is None or known.report is None:
            return True  # nobody said that it is not
        return any(node.node_id == node_id for node in known.report.nodes)

    def clusters(self, tx: Connection) -> list[ClusterView]:
        """Every cluster as the scheduler sees it."""
        views = []
        for row in clusters.all(tx):
            if row.kind == clusters.DETACHED:
                continue
            known = self._heard.get(row.name)
            nodes = known.report.nodes if known and known.report else row.nodes
            views.append(
                ClusterView(
                    row.name,
                    tuple(
                        NodeView(row.name, n.node_id, n.host, n.total, n.free, n.labels)
                        for n in nodes
                    ),
                    self.is_live(row.name),
                    self.silent_s(row.name),
                )
            )
        return views

    def words(self) -> str:
        """The names of the clusters, as `gpu, lab (silent)`."""
        with self._lock:
            names = sorted(self._names)
        return ", ".join(name if self.is_live(name) else f"{name} (silent)" for name in names)

    def prospects(self, tx: Connection) -> list[ClusterView]:
        """The clusters by which a new job is judged: also the embedded one that is starting."""
        views = self.clusters(tx)
        starting = self._expected is not None and not any(view.nodes for view in views)
        return [self._expected] if self._expected is not None and starting else views
