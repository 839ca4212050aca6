"""How things stand, for Prometheus: read when it asks, never kept up to date in between."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from launcher.scheduler.state import ClusterView
from launcher.server.control import Control
from launcher.server.gauge import Gauge
from launcher.server.occupancy import cluster_occupancy


class Standing(Collector):
    """Jobs, clusters and disk of a server. A scrape costs no query."""

    def __init__(self, control: Control, gauge: Gauge) -> None:
        self._control, self._gauge = control, gauge

    def collect(self) -> Iterator[Metric]:
        yield from self._jobs()
        yield from self._clusters()
        yield CounterMetricFamily(
            "launcher_ingested_points",
            "Points of curves that programs reported",
            value=self._control.store.metrics.points_taken,
        )
        disk = self._gauge.read()
        yield GaugeMetricFamily(
            "launcher_disk_free_bytes", "Of the disk of the server's state", value=disk.free
        )
        yield GaugeMetricFamily(
            "launcher_disk_size_bytes", "Of the disk of the server's state", value=disk.total
        )

    def describe(self) -> list[Metric]:
        """Names alone: registering it shall not read anything."""
        return []

    def _jobs(self) -> Iterator[Metric]:
        now = self._control.clock()
        tally = self._control.books.tally()
        jobs = GaugeMetricFamily(
            "launcher_jobs", "Jobs that have not ended", labels=["project", "state"]
        )
        for (project, state), count in sorted(tally.jobs.items()):
            jobs.add_metric([project, state.value], count)
        yield jobs
        since = tally.waiting_since
        yield GaugeMetricFamily(
            "launcher_oldest_waiting_seconds",
            "How long the longest waiting job of the queue has waited",
            value=0.0 if since is None else max(now - since, 0.0),
        )

    def _clusters(self) -> Iterator[Metric]:
        live = GaugeMetricFamily("launcher_cluster_live", "1 while heard of", labels=["cluster"])
        nodes = GaugeMetricFamily("launcher_cluster_nodes", "Nodes alive", labels=["cluster"])
        amounts = {
            kind: GaugeMetricFamily(
                f"launcher_cluster_{kind}s",
                f"{kind.upper()}s: held by jobs, taken by others, free; together all",
                labels=["cluster", "use"],
            )
            for kind in ("gpu", "cpu")
        }
        for cluster in self._control.floor.clusters():
            live.add_metric([cluster.name], float(cluster.is_live))
            nodes.add_metric([cluster.name], len(cluster.nodes) if cluster.is_live else 0)
            for kind, uses in self._uses(cluster).items():
                for use, amount in uses.items():
                    amounts[kind].add_metric([cluster.name, use], amount)
        yield live
        yield nodes
        yield from amounts.values()

    def _uses(self, cluster: ClusterView) -> dict[str, dict[str, float]]:
        """Kind -> use -> amount, over the nodes of a cluster; nothing of one that is silent."""
        found = cluster_occupancy(cluster, self._control.books.held_on(cluster.name))
        sums = {kind: {"jobs": 0.0, "others": 0.0, "free": 0.0} for kind in ("gpu", "cpu")}
        for node in found.nodes:
            for kind, total, others, jobs in (
                ("gpu", node.gpus, node.other_gpus, sum(one.gpus for one in node.holders)),
                ("cpu", node.cpus, node.other_cpus, sum(one.cpus for one in node.holders)),
            ):
                sums[kind]["jobs"] += jobs
                sums[kind]["others"] += others
                sums[kind]["free"] += max(total - jobs - others, 0.0)
        return sums
