"""An agent's line to the server: tells changes, brings orders; each answer renews the lease."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from launcher.errors import LauncherError
from launcher.executor.uplink import RETRY_S, Uplink
from launcher.model.wire import AgentStatus, Orders

log = logging.getLogger(__name__)

POLL_S = 10.0
"""How long the server may hold a request for orders."""


class ServerLine:
    """Two threads: one long-polls for orders, one tells the status whenever it changed.

    Args:
        connect: makes an uplink; each thread has its own.
        status: what there is to tell.
        obey: called with orders and the monotonic time at which they were asked for.
        finished: set when the agent leaves.
    """

    def __init__(
        self,
        connect: Callable[[], Uplink],
        status: AgentStatus,
        obey: Callable[[Orders, float], None],
        finished: threading.Event,
    ) -> None:
        self.orders = Orders("")
        self._connect, self._status, self._obey = connect, status, obey
        self._finished = finished
        self._changed = threading.Event()

    def start(self) -> None:
        for target in (self._poll, self._tell_changes):
            name = target.__name__.strip("_")
            threading.Thread(target=target, name=name, daemon=True).start()

    def tell(self, status: AgentStatus) -> None:
        """Told at once if it is new."""
        if status != self._status:
            self._status = status
            self._changed.set()

    def _poll(self) -> None:
        uplink = self._connect()
        while not self._finished.is_set():
            self._exchange(uplink, POLL_S)

    def _tell_changes(self) -> None:
        uplink = self._connect()
        while not self._finished.is_set():
            self._changed.wait()
            self._changed.clear()
            if not self._exchange(uplink, 0.0):
                self._changed.set()

    def _exchange(self, uplink: Uplink, hold_s: float) -> bool:
        asked_at = time.monotonic()
        try:
            orders = uplink.sync(replace(self._status, seen=self.orders.version), hold_s)
        except LauncherError as error:
            log.info("the server did not take the status: %s", error)
            self._finished.wait(RETRY_S)
            return False
        self.orders = orders
        self._obey(orders, asked_at)
        return True
