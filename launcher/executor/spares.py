"""A worker process of Ray that waits on each node, so that the next agent starts in a moment.

An agent is an actor, and an actor takes a worker process for itself: to start one costs 0.6 to
0.9 s, to find one that waits 0.2 s. Ray starts some with a raylet and never replaces those that
were taken. What asks it to is a call of the raylet for which Ray has no function: where it fails,
agents start as slowly as they did.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

PAUSE_S = 5.0
"""After an agent's start, whose ranks need the processors first."""
_KEPT_S = 24 * 3600
_TIMEOUT_S = 10.0


class Spares:
    """Replaces the worker that an agent took, once its node has had time for the agent's ranks.

    Args:
        start: starts one worker on the node; see `start_worker`.
        clock: monotonic.
    """

    def __init__(
        self, start: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._start, self._clock = start, clock
        self._due: dict[str, float] = {}
        self._changed = threading.Condition()

    def taken(self, node_id: str) -> None:
        """An agent was started on the node."""
        with self._changed:
            self._due[node_id] = self._clock() + PAUSE_S
            self._changed.notify()

    def due(self) -> list[str]:
        """The nodes whose time has come; each is told once."""
        now = self._clock()
        with self._changed:
            found = [node_id for node_id, at in self._due.items() if at <= now]
            for node_id in found:
                del self._due[node_id]
        return found

    def keep(self) -> None:
        """Replace until a worker cannot be started; for a thread of its own."""
        while True:
            with self._changed:
                first = min(self._due.values(), default=None)
                self._changed.wait(None if first is None else max(first - self._clock(), 0.0))
            for node_id in self.due():
                try:
                    self._start(node_id)
                except Exception as error:  # whatever Ray made of what is its own affair
                    log.info("no worker is kept ready on nodes: %s", error)
                    return


def start_worker(addresses: Callable[[], Mapping[str, str]]) -> Callable[[str], None]:
    """What asks raylets for a worker of this driver's.

    Args:
        addresses: of the raylets, by the id of their node.
    """

    def start(node_id: str) -> None:
        import ray
        from ray._private.grpc_utils import init_grpc_channel
        from ray.core.generated import node_manager_pb2, node_manager_pb2_grpc

        address = addresses().get(node_id)
        if address is None:
            return
        request = node_manager_pb2.PrestartWorkersRequest(
            job_id=bytes.fromhex(ray.get_runtime_context().get_job_id()),
            num_workers=1,
            keep_alive_duration_secs=_KEPT_S,
        )
        request.runtime_env_info.serialized_runtime_env = "{}"
        channel = init_grpc_channel(address)
        try:
            stub = node_manager_pb2_grpc.NodeManagerServiceStub(channel)
            stub.PrestartWorkers(request, timeout=_TIMEOUT_S)
        finally:
            channel.close()

    return start
