"""Kubernetes clusters that an admin attaches: jobs that name one get a Ray of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from launcher.clusters import _attaching
from launcher.clusters._kube_api import (
    PODS,
    RAYJOBS,
    SECRETS,
    WORKLOADS,
    Kind,
    KubeApi,
    KubeError,
    own_namespace,
)
from launcher.clusters._kuberay_manifest import SERVER, Order, rayjob
from launcher.errors import ConflictError, LauncherError, SpecError
from launcher.model.job import Resources
from launcher.model.own_cluster import KubernetesCluster, OwnCluster
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
_VERBS = {RAYJOBS: ("get", "list", "watch", "create", "delete"), SECRETS: ("create",)}
"""What this server does with them; what is not named it lists and watches."""
_TELLS = "docs/kuberay.md tells how"
_ROLE = "docs/kuberay.md has the Role that it needs"


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
        _check_namespace(wish)
        self._check_place(wish)
        at = replace(wish, server_url=(wish.server_url or self._settings.url).rstrip("/"))
        view = self._own.api_of(at)
        try:
            kinds = (RAYJOBS, PODS, *([WORKLOADS] if at.kueue else []))
            for kind in kinds:
                self._expect(view, kind)
            _expect_rights(view, (*kinds, SECRETS))
            remark = self._try_rayjob(view, at)
        finally:
            view.close()
        yield f"Kubernetes answers at {view.host}, and lets this server see RayJobs and pods"
        if remark:
            yield remark
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
        left = self._left_on(name)
        if left and not force:
            raise ConflictError(
                f"jobs run on cluster '{name}': {', '.join(left)}",
                hint="cancel them or wait; with --force their RayJobs are left to themselves until "
                "the cluster is attached again",
            )
        with self._control.store.begin() as tx:
            own_clusters.detach(tx, name, is_left=bool(left))
            attached = own_clusters.attached(tx)
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

    def _left_on(self, name: str) -> list[str]:
        """The jobs that have clusters of their own there."""
        return sorted(o.job_id for o in self._control.books.own.all() if o.cluster == name)

    def _check_place(self, wish: KubernetesCluster) -> None:
        """Jobs whose RayJobs are elsewhere would be taken for gone, and started again.

        Raises:
            ConflictError: that is so.
        """
        left = self._left_on(wish.name)
        with self._control.store.read() as tx:
            before = own_clusters.settings(tx, wish.name)
        if left and before is not None and before.place != wish.place:
            of = f" of context {before.context}" if before.context else ""
            raise ConflictError(
                f"jobs run on cluster '{wish.name}' in namespace {before.namespace}{of}: "
                f"{', '.join(left)}",
                hint="--name gives the other place a name of its own; or cancel them, or wait",
            )

    def _expect(self, api: KubeApi, kind: Kind) -> None:
        try:
            api.list(kind, f"{SERVER}={self._control.store.server_id}")
        except KubeError as error:
            if error.status == 404:
                raise ConflictError(_NEEDS[kind], hint=_TELLS) from error
            if error.status in {401, 403}:
                raise LauncherError(
                    f"this server may not list {kind.plural} in {api.namespace}: {error.message}",
                    hint=_ROLE,
                ) from error
            raise

    def _try_rayjob(self, api: KubeApi, at: KubernetesCluster) -> str:
        """Have a RayJob judged that is not stored; a remark, where it is refused.

        Lists tell neither that a namespace is missing nor how old KubeRay's fields are.

        Raises:
            ConflictError: no RayJob of this server could be made there.
        """
        own = OwnCluster("trial", 1, at.name)
        order = Order(
            own, at, self._control.store.server_id, "default", "launcher", Resources(workers=1),
            at.image or "none", 60.0,
        )  # fmt: skip
        try:
            api.create(RAYJOBS, rayjob(order), is_trial=True)
        except KubeError as error:
            if error.status == 404:
                raise ConflictError(
                    f"there is no namespace {at.namespace}: {error.message}",
                    hint=f"kubectl create namespace {at.namespace}, or --namespace of another one",
                ) from error
            if "unknown field" in error.message:
                raise ConflictError(f"{_NEEDS[RAYJOBS]}: {error.message}", hint=_TELLS) from error
            # A policy may refuse what names no image, and take what a job says.
            return f"a RayJob was tried, and is refused now: {error.message}"
        return ""


def _expect_rights(api: KubeApi, kinds: Sequence[Kind]) -> None:
    """Raise where a right is missing that would be missed in the middle of a job.

    Raises:
        LauncherError: with all that are.
    """
    try:
        missing = [
            f"{verb} {kind.plural}"
            for kind in kinds
            for verb in _VERBS.get(kind, ("list", "watch"))
            if not api.may(verb, kind)
        ]
    except KubeError:
        return  # who may not even ask finds out
    if missing:
        raise LauncherError(
            f"this server may not {', '.join(missing)} in {api.namespace}", hint=_ROLE
        )


def _check_namespace(wish: KubernetesCluster) -> None:
    """Users say what their jobs' pods mount: Secrets and volumes that lie in their namespace.

    Raises:
        SpecError: the server's own lie there.
    """
    if wish.namespace == own_namespace(wish.context):
        raise SpecError(
            f"namespace {wish.namespace} is the server's own: pods of jobs could mount its Secrets "
            "and its volume",
            hint="--namespace of another one, with a Role for this server: docs/kuberay.md",
        )
