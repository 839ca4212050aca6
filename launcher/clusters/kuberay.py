"""The Ray cluster of one RayJob, as the job in it finds it: KubeRay starts and ends it."""

from __future__ import annotations

from launcher.clusters.base import Cluster, RayAddress
from launcher.clusters.ray import AUTO, RunningRay

PATIENCE_S = 60.0


class RayJobsRay(Cluster):
    """Found by what Ray tells the processes of its jobs.

    Args:
        address: as of a Ray cluster that runs.
    """

    def __init__(self, address: str = AUTO) -> None:
        self._ray = RunningRay(address, patience_s=PATIENCE_S)

    def ensure(self) -> RayAddress:
        return self._ray.ensure()

    def running(self) -> RayAddress | None:
        return self._ray.running()

    def stop(self, grace_s: float = 10.0) -> None:
        """Nothing: the RayJob's end stops it."""
