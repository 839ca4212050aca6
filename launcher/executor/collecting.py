"""The agent's collecting threads: logs and points, checkpoints after them, room for both."""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
from collections.abc import Callable

from launcher.errors import DiskFullError, LauncherError, UnreachableError
from launcher.executor.folders import JobFolder
from launcher.executor.journal import Journal
from launcher.executor.observer import Observer
from launcher.executor.pacing import Pace
from launcher.executor.saving import Saver
from launcher.executor.secrecy import Redaction
from launcher.executor.shipping import Shipper, full_disk
from launcher.executor.uplink import Uplink
from launcher.executor.watcher import Watcher, Watching
from launcher.executor.watching import End
from launcher.model.checkpoint import Manifest
from launcher.model.observing import Observing

log = logging.getLogger(__name__)

RETRY_S = 1.0
"""Wait after the server did not take something."""
_FULL_RETRY_S = 10.0
"""Wait after the server had no room: somebody must make it first."""
_ROOM_EVERY_S = 1.0
_TELL_EVERY_S = 3600.0
"""A disk that stays full is told again so often."""


class Collector:
    """Ships what the ranks of one job leave in its folder on this node.

    Args:
        folder: the job's files.
        connect: makes a connection to the server; called once a thread.
        note: tells something that the job's events shall show.
        watching: what is watched beside; None: nothing is.
        redaction: of what is shipped.
        observing: what is read of output and files by itself, here.
    """

    def __init__(
        self,
        folder: JobFolder,
        connect: Callable[[], Uplink],
        note: Callable[[str], None],
        *,
        watching: Watching | None = None,
        redaction: Redaction | None = None,
        observing: Observing | None = None,
    ) -> None:
        self._connect, self._note = connect, note
        journal = Journal()
        self._watcher: Watcher | None = None
        if watching is None:
            self._saver = Saver(folder, note)
            self._shipper = Shipper(folder, self._saver.add)
        else:
            self._saver = Saver(folder, note, watching.on_commit)
            self._shipper = Shipper(folder, self._saver.add, journal.take)
            self._watcher = Watcher(
                folder, watching, journal, self._shipper, self._saver, note=note
            )
            self._watcher.start()
        self._shipper.redaction = redaction or Redaction()
        self._ending = threading.Event()
        self._drains: list[tuple[int, Callable[[], None]]] = []
        self._drain_asked = threading.Event()
        self._observer = Observer(folder, observing or Observing(), note, self._drain_asked.set)
        self._shipper.read_up_to = self._observer.kept_at
        self.is_all_shipped = False
        self._threads = [
            threading.Thread(target=self._ship_all, name="shipping", daemon=True),
            threading.Thread(target=self._save_all, name="saving", daemon=True),
            threading.Thread(target=self._keep_room, name="room", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def begin(self, attempt: int, put_back: Manifest | None) -> None:
        """Watched files are in place, those of that checkpoint; no rank has started."""
        if self._watcher is not None:
            self._watcher.begin(attempt, put_back)

    def observe(self, attempt: int) -> None:
        """The job's folder is as the attempt finds it; no rank has started."""
        self._observer.begin(attempt)

    def ended(self, attempt: int) -> None:
        """No rank of this or an earlier attempt writes here any more."""
        self._shipper.ended = max(self._shipper.ended, attempt)

    def finish(self, attempt: int, end: End) -> None:
        """All ranks of the attempt on this node are over."""
        self.ended(attempt)
        self._observer.finish(attempt)
        if self._watcher is not None:
            self._watcher.finish(attempt, end)

    def drain(self, attempt: int, done: Callable[[], None]) -> None:
        """Call `done` once all that the ended ranks of an attempt left is with the server."""
        self._drains.append((attempt, done))
        self._drain_asked.set()

    def close(self) -> None:
        """One more try to ship everything, then stop. No rank runs any more."""
        self.ended(sys.maxsize)
        self._observer.close()
        self._ending.set()
        if self._watcher is not None:
            self._watcher.close()
        self._saver.end()
        self._drain_asked.set()
        for thread in self._threads:
            thread.join(timeout=10.0)

    def _ship_all(self) -> None:
        uplink = self._connect()
        pace = Pace(time.monotonic())
        while True:
            ending = self._ending.is_set()
            draining = list(self._drains)
            begun, requests = time.monotonic(), self._shipper.requests
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
            now, shipped = time.monotonic(), self._shipper.requests > requests
            took_s, followed = now - begun, uplink.is_followed
            self._drain_asked.wait(
                pace.pause(shipped=shipped, took_s=took_s, now=now, followed=followed)
            )

    def _keep_room(self) -> None:
        """A thread of its own: shipping may wait for minutes for a server that stands still."""
        told_at = -math.inf
        while not self._ending.wait(_ROOM_EVERY_S):
            try:
                self._shipper.make_room()
                words = full_disk(self._shipper.folder.path)
            except OSError as error:
                log.info("no room made: %s", error)
                continue
            if words and time.monotonic() - told_at > _TELL_EVERY_S:
                told_at = time.monotonic()
                self._note(words)

    def _finish_drains(self, draining: list[tuple[int, Callable[[], None]]]) -> None:
        for attempt, done in draining:
            is_watched = self._watcher is None or self._watcher.is_done(attempt)
            is_read = self._observer.is_done(attempt)
            # In this order: the watcher is done when the saver has what it found.
            if is_read and is_watched and self._shipper.is_done(attempt) and self._saver.is_done:
                self._drains.remove((attempt, done))
                done()

    def _save_all(self) -> None:
        uplink = self._connect()
        while self._saver.wait():
            try:
                self._saver.save_next(uplink)
            except (UnreachableError, DiskFullError) as error:
                log.info("checkpoint not uploaded yet: %s", error)
                is_full = isinstance(error, DiskFullError)
                self._ending.wait(_FULL_RETRY_S if is_full else RETRY_S)
            self._drain_asked.set()
