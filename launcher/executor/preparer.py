"""Makes a node ready for an attempt: folder, code, links, interpreter, checkpoint, watched files.

In a thread of its own, asked again while the server does not answer; what cannot be done ends the
attempt in words.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from launcher.executor import surroundings
from launcher.executor.collecting import Collector
from launcher.executor.core import AgentCore, Prepare
from launcher.executor.folders import JobFolder
from launcher.executor.links import place_links
from launcher.executor.preparing import SetupError, place_checkpoint, place_code
from launcher.executor.putting_back import put_back
from launcher.executor.pythons import RanksPython
from launcher.executor.sweep import sweep_job
from launcher.executor.uplink import NotYetError, Uplink, until_answered
from launcher.model.launch import Launch

log = logging.getLogger(__name__)


@dataclass
class Preparer:
    """Prepares one attempt after the other; `begin` may be called from any thread.

    Args:
        fault: not empty: why the server lets no rank start.
        post: hands a deed to the agent's loop.
        finished: set when the agent leaves.
    """

    allocation: str
    node: int
    launch: Launch
    folder: JobFolder
    core: AgentCore
    python: RanksPython
    collector: Collector
    connect: Callable[[], Uplink]
    post: Callable[[Callable[[float], None]], None]
    finished: threading.Event
    fault: str = ""

    def __post_init__(self) -> None:
        self._lock = self.folder.try_own()
        self._wanted: queue.SimpleQueue[Prepare] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="preparing", daemon=True).start()

    def begin(self, wanted: Prepare) -> None:
        self._wanted.put(wanted)

    def give_back(self) -> None:
        """The folder is free for the next agent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _run(self) -> None:
        while True:
            self._prepare(self._wanted.get())

    def _prepare(self, wanted: Prepare) -> None:
        uplink = self.connect()
        attempt = wanted.attempt
        try:
            until_answered(lambda: self._prepare_once(uplink, wanted), self.finished)
        except Exception as error:  # also a bug's: it ends the attempt in words, not in silence
            log.info("not prepared", exc_info=error)
            text = str(error) or type(error).__name__
            self.post(lambda now: self.core.failed(attempt, text, now))
        else:
            self.post(lambda now: self.core.prepared(attempt, now))
        finally:
            uplink.close()

    def _prepare_once(self, uplink: Uplink, wanted: Prepare) -> None:
        self._own_folder()
        sweep_job(self.folder, living=self.allocation)
        self.collector.ended(wanted.attempt - 1)
        if self.fault:
            raise SetupError(self.fault)
        place_code(self.folder, uplink, self.launch.code)
        place_links(self.folder.work, self.launch.links, socket.gethostname())
        self.python.ready(uplink, wanted.attempt)
        if self.launch.requirements is not None:
            self.post(partial(self.core.environment_ready, wanted.attempt))
        if wanted.resume is not None:
            place_checkpoint(self.folder, uplink, wanted.resume, node=self.node)
        self._put_back(uplink, wanted)
        self.collector.observe(wanted.attempt)
        self.folder.checkpoints(wanted.attempt).mkdir(parents=True, exist_ok=True)
        surroundings.sdk_folder(self.folder.path.parent)

    def _own_folder(self) -> None:
        if self._lock is None:
            # The agent of an allocation that is over may need a moment to leave.
            self._lock = self.folder.try_own()
        if self._lock is None:
            raise NotYetError("the folder is still held by the agent before this one")

    def _put_back(self, uplink: Uplink, wanted: Prepare) -> None:
        if not self.launch.watch:
            return
        placed = put_back(
            self.folder,
            uplink,
            self.launch.watch,
            attempt=wanted.attempt,
            node=self.node,
            resume=wanted.resume,
        )
        self.collector.begin(wanted.attempt, placed)
        if placed is not None and self.node == 0:
            text = f"watched files of step {placed.step} are back in place"
            self.post(lambda _: self.core.note(text))
