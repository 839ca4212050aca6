"""One attached Kubernetes as the server sees it: mirrors of what is ours there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from launcher.clusters._kube_api import PODS, RAYJOBS, WORKLOADS, KubeApi
from launcher.clusters._kube_mirror import Mirror
from launcher.clusters._kuberay_manifest import RAYJOB, SERVER
from launcher.clusters._kuberay_reading import PodState, kueue_words, owner_of, pod_state
from launcher.model.own_cluster import KubernetesCluster


class KubernetesView:
    """Thread-safe.

    Args:
        at: the attached cluster.
        api: of its namespace.
        server_id: whose things are looked at.
        changed: called after every change.
    """

    KEEP_S: ClassVar[float] = 3600.0
    """RayJobs that did their work are kept for so long, for who looks with kubectl."""
    SWEEP_EVERY_S: ClassVar[float] = 60.0

    def __init__(
        self, at: KubernetesCluster, api: KubeApi, server_id: str, changed: Callable[[], object]
    ) -> None:
        self.at, self.api = at, api
        mine = f"{SERVER}={server_id}"
        self._rayjobs = Mirror(api, RAYJOBS, mine, changed)
        self._pods = Mirror(api, PODS, mine, changed)
        # Kueue puts no label of ours on its Workloads.
        self._workloads = Mirror(api, WORKLOADS, "", changed) if at.kueue else None
        self._swept_at: float | None = None

    def close(self) -> None:
        for mirror in (self._rayjobs, self._pods, self._workloads):
            if mirror is not None:
                mirror.close()
        self.api.close()

    @property
    def trouble(self) -> str:
        """Why what it shows may be old; empty: it is kept."""
        return self._rayjobs.trouble or self._pods.trouble

    def rayjob(self, name: str) -> dict[str, Any] | None:
        return self._rayjobs.get(name)

    def rayjobs(self) -> list[dict[str, Any]]:
        return self._rayjobs.all()

    def pods(self, rayjob: str) -> list[PodState]:
        """Those of one RayJob."""
        return _of(rayjob, self._pods.all())

    def rayjobs_with_pods(self) -> set[str]:
        """Names of those that have pods of whatever kind."""
        return {label for pod in self._pods.all() if (label := _rayjob_of(pod))}

    def departed_pods(self, rayjob: str) -> list[PodState]:
        """Those of it that were deleted, the last one first."""
        return _of(rayjob, self._pods.departed()[::-1])

    def kueue_words(self, rayjob: str) -> str:
        """Why Kueue keeps it waiting; empty: it does not."""
        if self._workloads is None:
            return ""
        if self._workloads.trouble:
            return f"Kueue cannot be asked: {self._workloads.trouble}"
        found = (one for one in self._workloads.all() if owner_of(one) == rayjob)
        return kueue_words(next(found, None))

    def may_sweep(self, now: float) -> bool:
        """Whether it is time again; then it is taken for done."""
        if self._swept_at is not None and now - self._swept_at < self.SWEEP_EVERY_S:
            return False
        self._swept_at = now
        return True


def _of(rayjob: str, pods: list[dict[str, Any]]) -> list[PodState]:
    return [pod_state(pod) for pod in pods if _rayjob_of(pod) == rayjob]


def _rayjob_of(pod: dict[str, Any]) -> str:
    return (pod["metadata"].get("labels") or {}).get(RAYJOB) or ""
