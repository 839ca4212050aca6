"""The tokens of the executors of own clusters, and the Secrets in which their pods get them."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass

from launcher.clusters import _kuberay_manifest as manifest
from launcher.clusters._kube_api import SECRETS, KubeError
from launcher.model.job import Job
from launcher.model.own_cluster import OwnCluster
from launcher.server.control import Control
from launcher.server.own_orders import order_of
from launcher.server.own_view import KubernetesView

ASK_AGAIN_S = 10.0
"""After Kubernetes refused to make a Secret, where it says no other time."""


@dataclass
class _Kept:
    """Of one Secret: whether it is there, else why not and when it is tried again."""

    is_there: bool = False
    trouble: str = ""
    not_before: float = 0.0


class OwnSecrets:
    """Of all own clusters of a server. Nothing depends on what it remembers of them.

    Args:
        control: of the jobs.
        clock: monotonic.
    """

    def __init__(self, control: Control, clock: Callable[[], float] = time.monotonic) -> None:
        self._control, self._clock = control, clock
        self._kept: dict[str, _Kept] = {}

    def token_of(self, cluster: str) -> str:
        """Opens one own cluster to its executor. Derived, so that nothing secret is stored."""
        key = self._control.store.secret
        digest = hmac.new(key, f"cluster:{cluster}".encode(), hashlib.sha256)
        return f"{cluster}.{digest.hexdigest()}"

    def opens(self, token: str, cluster: str) -> bool:
        """Whether a token is the one of that own cluster's executor, and the cluster is there."""
        if not hmac.compare_digest(self.token_of(cluster).encode(), token.encode()):
            return False
        return any(own.name == cluster for own in self._control.books.own.all())

    def knows(self, token: str) -> bool:
        """Whether a token is of any own cluster's executor."""
        return self.opens(token, token.rpartition(".")[0])

    def keep(self, own: OwnCluster, job: Job, view: KubernetesView) -> bool:
        """Make the Secret unless it is known to be there, or was refused a moment ago.

        It goes with the RayJob, and so is made after it.

        Returns:
            Whether it is there.

        Raises:
            KubeError: it is refused.
            UnreachableError: no answer.
        """
        kept = self._kept.setdefault(own.name, _Kept())
        if kept.is_there or self._clock() < kept.not_before:
            return kept.is_there
        order = order_of(job, own, view.at, self._control.store.server_id)
        try:
            view.api.create(SECRETS, manifest.secret(order, self.token_of(own.name), own.uid))
        except KubeError as error:
            if error.status != 409:
                kept.trouble = str(error)
                kept.not_before = self._clock() + (error.retry_after_s or ASK_AGAIN_S)
                raise
        kept.is_there, kept.trouble = True, ""
        return True

    def trouble(self, own: OwnCluster) -> str:
        """Why its Secret could not be made, without which no pod of it starts; empty: it could."""
        trouble = self._kept.get(own.name, _Kept()).trouble
        return f"the Secret of its RayJob cannot be made: {trouble}" if trouble else ""

    def forget(self, own: OwnCluster) -> None:
        """It is gone."""
        self._kept.pop(own.name, None)
