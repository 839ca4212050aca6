"""The agent's two collecting threads: logs and points, and checkpoints after them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from launcher.errors import LauncherError, UnreachableError
from launcher.executor.folders import JobFolder
from launcher.executor.saving import Saver
from launcher.executor.shipping import Shipper
from launcher.executor.uplink import Uplink

log = logging.getLogger(__name__)

SHIP_EVERY_S = 0.15
SHIP_SHARE = 0.05
"""Shipping takes at most this share of the time, so that it slows down with a slow server."""
RETRY_S = 1.0
"""Wait after the server did not take something."""


class Collector:
    """Ships what the ranks of one job leave in its folder on this node.

    Args:
        folder: the job's files.
        connect: makes a connection to the server; called once a thread.
        note: tells something that the job's events shall show.
    """

    def __init__(
        self, folder: JobFolder, connect: Callable[[], Uplink], note: Callable[[str], None]
    ) -> None:
        self._connect = connect
        self._saver = Saver(folder, note)
        self._shipper = Shipper(folder, self._saver.add)
        self._ending = threading.Event()
        self._drains: list[tuple[int, Callable[[], None]]] = []
        self._drain_asked = threading.Event()
        self.is_all_shipped = False
        self._threads = [
            threading.Thread(target=self._ship_all, name="shipping", daemon=True),
            threading.Thread(target=self._save_all, name="saving", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def drain(self, attempt: int, done: Callable[[], None]) -> None:
        """Call `done` once all that the ended ranks of an attempt left is with the server."""
        self._drains.append((attempt, done))
        self._drain_asked.set()

    def close(self) -> None:
        """One more try to ship everything, then stop."""
        self._ending.set()
        self._saver.end()
        self._drain_asked.set()
        for thread in self._threads:
            thread.join(timeout=10.0)

    def _ship_all(self) -> None:
        uplink = self._connect()
        while True:
            ending = self._ending.is_set()
            draining = list(self._drains)
            begun = time.monotonic()
            self._drain_asked.clear()
            try:
                while self._shipper.ship(uplink):
                    pass
            except (LauncherError, OSError) as error:
                log.info("not shipped yet: %s", error)
                if ending:
                    return
                self._ending.wait(RETRY_S)
                continue
            if ending:
                self.is_all_shipped = True
                return
            self._finish_drains(draining)
            took_s = time.monotonic() - begun
            self._drain_asked.wait(max(SHIP_EVERY_S, took_s / SHIP_SHARE))

    def _finish_drains(self, draining: list[tuple[int, Callable[[], None]]]) -> None:
        for attempt, done in draining:
            if self._shipper.is_done(attempt) and self._saver.is_done:
                self._drains.remove((attempt, done))
                done()

    def _save_all(self) -> None:
        uplink = self._connect()
        while self._saver.wait():
            try:
                self._saver.save_next(uplink)
            except UnreachableError as error:
                log.info("checkpoint not uploaded yet: %s", error)
                self._ending.wait(RETRY_S)
            self._drain_asked.set()
