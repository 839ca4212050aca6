"""A Ray cluster that already runs, by its address. Nothing is started, nothing is stopped."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from launcher.clusters import _probe
from launcher.clusters.base import Cluster, RayAddress
from launcher.errors import SpecError, UnreachableError

_PROBE_TIMEOUT_S = 2.0


AUTO = "auto"
_OF_THIS_MACHINE = Path("/tmp/ray/ray_current_cluster")  # noqa: S108 - Ray's own place


class RunningRay(Cluster):
    """The Ray cluster at `address`, the `HOST:PORT` of its head (`ray start --head` prints it).

    Args:
        address: `HOST:PORT`, an IPv6 host in brackets; `auto` is the cluster that this process
            runs on (RAY_ADDRESS), else the one that was started on this machine last.
        environment: what a driver needs to be let in, such as RAY_AUTH_MODE and
            RAY_AUTH_TOKEN_PATH.

    Raises:
        SpecError: the address is not of that form.
    """

    def __init__(self, address: str, environment: Mapping[str, str] | None = None) -> None:
        address = _found() if address == AUTO else address
        try:
            self._host, self._port = _probe.split_address(address)
        except ValueError as error:
            raise SpecError(
                f"cluster address '{address}': {error}",
                hint="write HOST:PORT as `ray start --head` prints it, for example 10.0.0.5:6379",
            ) from error
        self._reached = RayAddress(address, dict(environment or {}))

    def ensure(self) -> RayAddress:
        found = self.running()
        if found is None:
            raise UnreachableError(
                f"no Ray cluster answers at {self._reached.address}",
                hint="is its head up, and is this port open from here? "
                "on the head, `ray status` must work",
            )
        return found

    def running(self) -> RayAddress | None:
        environment = {**os.environ, **self._reached.environment}
        probe = _probe.accepts if environment.get("RAY_USE_TLS") == "1" else _probe.answers
        answers = probe(self._host, self._port, timeout_s=_PROBE_TIMEOUT_S)
        return self._reached if answers else None

    def stop(self, grace_s: float = 10.0) -> None:
        """Nothing: whoever started this cluster stops it."""


def _found() -> str:
    """The address that Ray's own tools take without being told one."""
    named = os.environ.get("RAY_ADDRESS", "")
    if named and named != AUTO:
        return named
    try:
        return _OF_THIS_MACHINE.read_text().strip()
    except OSError as error:
        raise SpecError(
            "no Ray cluster was found by itself: RAY_ADDRESS names none, and none was started here",
            hint="name the HOST:PORT of its head",
        ) from error
