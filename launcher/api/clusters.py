"""Clusters: attached, detached, and who holds what of them."""

from __future__ import annotations

import contextlib
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from launcher import errors
from launcher.api.caller import API, Caller
from launcher.views import view

if TYPE_CHECKING:  # as those of users: `launcher list` shall start without it
    from launcher.views_occupancy import Occupancy

_ATTACH_TIMEOUT_S = 120.0


class Clusters(Caller):
    def attach(
        self,
        name: str,
        ray_url: str,
        *,
        ray_token: str | None = None,
        server_url: str | None = None,
    ) -> Iterator[str]:
        """Attaches the Ray cluster whose dashboard is at `ray_url`; gives each step as it is done.

        Args:
            name: of the cluster from now on.
            ray_url: as the server reaches it.
            ray_token: Ray's own, where it asks for one.
            server_url: how the cluster's nodes reach the server. Default: as the server thinks.

        Raises:
            LauncherError: it was refused; nothing of it is left.
        """
        body = {"ray_url": ray_url, "ray_token": ray_token, "server_url": server_url}
        yield from self._attach(name, "attach", body)

    def attach_kubernetes(self, name: str, **settings: Any) -> Iterator[str]:
        """Attaches a Kubernetes; gives each step as it is done.

        Args:
            name: of the cluster from now on.
            settings: fields of `launcher.model.own_cluster.KubernetesCluster`.

        Raises:
            LauncherError: it was refused; nothing is changed.
        """
        yield from self._attach(name, "kubernetes", settings)

    def _attach(self, name: str, how: str, body: Mapping[str, Any]) -> Iterator[str]:
        with (
            contextlib.closing(self._address.connect()) as connection,
            connection.stream(
                "POST",
                f"{API}/clusters/{urllib.parse.quote(name, safe='')}/{how}",
                json=dict(body),
                timeout_s=_ATTACH_TIMEOUT_S,
            ) as stream,
        ):
            yield from _attach_steps(stream.lines())

    def detach(self, name: str, *, force: bool = False) -> list[str]:
        """Ends the executor of an attached cluster; gives the jobs that were left on it.

        Args:
            name: of the cluster.
            force: also while jobs run there, and when its Ray does not answer.
        """
        path = f"{API}/clusters/{urllib.parse.quote(name, safe='')}/detach"
        return [str(job) for job in self._post(path, {"force": force}, repeatable=False)["jobs"]]

    def occupancy(self) -> Occupancy:
        """Who holds what of the clusters, and who waits."""
        from launcher.views_occupancy import Occupancy

        return view(Occupancy, self._get(f"{API}/occupancy"))


def _attach_steps(lines: Iterable[bytes]) -> Iterator[str]:
    """What the server tells line by line while it attaches a cluster."""
    import json

    for line in lines:
        told = json.loads(line)
        if "error" in told:
            kind = getattr(errors, str(told.get("kind")), errors.LauncherError)
            raise kind(told["error"], hint=told.get("hint"))
        if "step" not in told:
            return
        yield str(told["step"])
    raise errors.UnreachableError(
        "the server ended before the cluster was attached",
        hint="`launcher context` shows whether it was, once the server runs again",
    )
