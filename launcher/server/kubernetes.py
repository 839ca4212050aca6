"""Kubernetes clusters that an admin attaches: jobs that name one get a Ray of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from launcher.clusters import _attaching
from launcher.clusters._kube_api import PODS, RAYJOBS, WORKLOADS, Kind, KubeApi, KubeError
from launcher.clusters._kuberay_manifest import SERVER
from launcher.errors import ConflictError, LauncherError, SpecError
from launcher.model.own_cluster import KubernetesCluster
from launcher.names import NAME
from launcher.scheduler.state import ANY
from launcher.server.attaching import Attaching
from launcher.server.control import Control
from launcher.server.floor import EMBEDDED
from launcher.server.notify import EVERY_CLUSTER, OWN_CLUSTERS, SCHEDULE
from launcher.server.own_clusters import OwnClusters
from launcher.server.settings import Settings
from launcher.store import own_clusters

_NEEDS = {
    RAYJOBS: "KubeRay's operator, of 1.5.1 or newer, is not installed there",
    PODS: "that is no Kubernetes",
    WORKLOADS: "Kueue is not installed there; leave --kueue out",
}


class Kubernetes:
    """Synchronous; called from worker threads."""

    def __init__(
        self, control: Control, settings: Settings, own: OwnClusters, attaching: Attaching
    ) -> None:
        self._control, self._settings, self._own = control, settings, own
        self._attaching = attaching

    def attach(self, wish: KubernetesCluster) -> Iterator[str]:
        """Attach one, or attach it otherwise than before; gives each step as it is done.

        Args:
            wish: without a server's URL it gets this server's own.

        Raises:
            LauncherError: it cannot be attached; nothing is changed.
        """
        self._check_name(wish.name)
        at = replace(wish, server_url=(wish.server_url or self._settings.url).rstrip("/"))
        view = self._own.api_of(at)
        try:
            for kind in (RAYJOBS, PODS, *([WORKLOADS] if at.kueue else [])):
                self._expect(view, kind)
        finally:
            view.close()
        yield f"Kubernetes answers at {view.host}, and lets this server see RayJobs and pods"
        _attaching.check_reach(at.server_url, view.host)
        yield f"pods in namespace {at.namespace} shall reach this server at {at.server_url}"
        if not at.image:
            yield "no --image is set: every job has to name its own"
        with self._control.store.begin() as tx:
            own_clusters.attach(tx, at)
            attached = own_clusters.attached(tx)
        self._changed(attached)

    def detach(self, name: str, *, force: bool) -> list[str]:
        """Make no more RayJobs there; gives the jobs that have one.

        Raises:
            ConflictError: jobs have one, and it is not forced.
        """
        left = sorted(o.job_id for o in self._control.books.own.all() if o.cluster == name)
        if left and not force:
            raise ConflictError(
                f"jobs run on cluster '{name}': {', '.join(left)}",
                hint="cancel them or wait; with --force their RayJobs are left to themselves until "
                "the cluster is attached again",
            )
        with self._control.store.begin() as tx:
            own_clusters.detach(tx, name)
            attached = own_clusters.attached(tx)
        self._own.drop_view(name)
        self._changed(attached)
        return left

    def knows(self, name: str) -> bool:
        return self._control.books.own.attached.get(name) is not None

    def _changed(self, attached: list[KubernetesCluster]) -> None:
        self._control.books.set_attached(attached)
        self._control.notifier.notify(SCHEDULE, EVERY_CLUSTER, OWN_CLUSTERS)

    def _check_name(self, name: str) -> None:
        if not NAME.fullmatch(name) or name in {ANY, EMBEDDED}:
            raise SpecError(
                f"'{name}' cannot be the name of an attached cluster",
                hint="--name: lower case letters, digits and dashes; local is the cluster of this "
                "machine, any is all of them",
            )
        if self._attaching.attachments.get(name) or self._control.floor.is_live(name):
            raise ConflictError(
                f"a Ray cluster is called '{name}' already",
                hint=f"--name gives this one another name; launcher detach {name} ends that one",
            )

    def _expect(self, api: KubeApi, kind: Kind) -> None:
        try:
            api.list(kind, f"{SERVER}={self._control.store.server_id}")
        except KubeError as error:
            if error.status == 404:
                raise ConflictError(_NEEDS[kind], hint="docs/kuberay.md tells how") from error
            if error.status in {401, 403}:
                raise LauncherError(
                    f"this server may not list {kind.plural} in {api.namespace}: {error.message}",
                    hint="docs/kuberay.md has the Role that it needs",
                ) from error
            raise
