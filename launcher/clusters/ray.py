"""A Ray cluster that already runs, by its address. Nothing is started, nothing is stopped."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path

from launcher.clusters import _probe
from launcher.clusters.base import Cluster, RayAddress
from launcher.errors import LauncherError, SpecError, UnreachableError

log = logging.getLogger(__name__)

FOR_EVER_S = math.inf
_PROBE_TIMEOUT_S = 2.0
_POLL_S = 1.0
_TELL_EVERY_S = 60.0

AUTO = "auto"
_OF_THIS_MACHINE = Path("/tmp/ray/ray_current_cluster")  # noqa: S108 - Ray's own place


class RunningRay(Cluster):
    """The Ray cluster at `address`, the `HOST:PORT` of its head (`ray start --head` prints it).

    Args:
        address: `HOST:PORT`, an IPv6 host in brackets; `auto` is the cluster that this process
            runs on (RAY_ADDRESS), else the one that was started on this machine last.
        environment: what a driver needs to be let in, such as RAY_AUTH_MODE and
            RAY_AUTH_TOKEN_PATH.
        patience_s: how long `ensure` waits for a cluster that is still to come up. With it `auto`
            is looked for only then, and each time anew: who runs beside Ray may be there first.

    Raises:
        SpecError: the address is not of that form.
    """

    def __init__(
        self,
        address: str,
        environment: Mapping[str, str] | None = None,
        *,
        patience_s: float = 0.0,
    ) -> None:
        self._named, self._patience_s = address, patience_s
        self._environment = dict(environment or {})
        if address != AUTO or not patience_s:
            self._address()  # refuses what is none now

    def ensure(self) -> RayAddress:
        give_up = time.monotonic() + self._patience_s
        told_at = -_TELL_EVERY_S
        while True:
            try:
                return self._answering()
            except LauncherError as error:
                if time.monotonic() >= give_up:
                    raise
                if time.monotonic() - told_at >= _TELL_EVERY_S:
                    told_at = time.monotonic()
                    log.info("waiting for Ray: %s", error)
            time.sleep(_POLL_S)

    def running(self) -> RayAddress | None:
        try:
            return self._answering()
        except LauncherError:
            return None

    def _answering(self) -> RayAddress:
        host, port = _probe.split_address(address := self._address())
        environment = {**os.environ, **self._environment}
        probe = _probe.accepts if environment.get("RAY_USE_TLS") == "1" else _probe.answers
        if probe(host, port, timeout_s=_PROBE_TIMEOUT_S):
            return RayAddress(address, self._environment)
        raise UnreachableError(
            f"no Ray cluster answers at {address}",
            hint="is its head up, and is this port open from here? "
            "on the head, `ray status` must work",
        )

    def _address(self) -> str:
        address = _found() if self._named == AUTO else self._named
        try:
            _probe.split_address(address)
        except ValueError as error:
            raise SpecError(
                f"cluster address '{address}': {error}",
                hint="write HOST:PORT as `ray start --head` prints it, for example 10.0.0.5:6379",
            ) from error
        return address

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
