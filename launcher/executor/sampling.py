"""The agent's sampling thread: every five seconds a line on the node, its GPUs and its ranks.

Nothing waits for it. It writes into a file of the attempt, which is shipped as the ranks' spools
are; on a node whose disk is full a sample is lost, and nothing else.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from launcher.executor.folders import JobFolder
from launcher.executor.sampling_aside import Aside
from launcher.executor.sampling_gpus import GpuLooker
from launcher.executor.sampling_node import NodeLooker, free_bytes
from launcher.executor.sampling_ranks import RankLooker
from launcher.model.sample import EVERY_S, Sample, line_of
from launcher.units import parse_duration

log = logging.getLogger(__name__)

VARIABLE = "LAUNCHER_SAMPLE_EVERY"
"""In the environment of the nodes: a duration, or `off`."""
_FIRST_S = 1.0
"""Rates need two looks: the first sample comes so soon after the first one."""
_SHORTEST_S = 0.2
_PATIENCE_S = 1.0
"""How long a sample waits for GPUs and disk; what comes later is left out."""


@dataclass(frozen=True)
class NodePlace:
    """`index`: the node's number; `first_rank`: of its ranks; `gpus`: as Ray names them."""

    index: int
    first_rank: int
    gpus: Sequence[str] = ()


class Sampler:
    """Samples one attempt after the other; called by several threads, none of which ever waits.

    Args:
        folder: of the job on this node.
        place: of the node in the gang.
        pids: gives the processes of the ranks that run.
        warn: tells of a fault that the job's events shall show.
        every_s: seconds between two samples; 0: none are taken. None: as the environment says.
    """

    def __init__(
        self,
        folder: JobFolder,
        place: NodePlace,
        pids: Callable[[], Mapping[int, int]],
        warn: Callable[[str], None],
        every_s: float | None = None,
    ) -> None:
        self._folder, self._place, self._pids = folder, place, pids
        self._every_s = interval() if every_s is None else every_s
        self._node, self._ranks = NodeLooker(), RankLooker()
        self._asides = [Aside("disk", partial(_free, folder))]
        if place.gpus:
            here = socket.gethostname()
            looker = GpuLooker(place.gpus, lambda text: warn(f"{text} ({here})"))
            self._asides.append(Aside("gpus", looker.look))
        self._attempt = self._finished = 0
        self._torn = False
        self._wake = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def begin(self, attempt: int) -> None:
        """Its ranks are being started here."""
        if not self._every_s:
            return
        self._attempt = attempt
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sampling", daemon=True)
            self._thread.start()
        self._wake.set()

    def finish(self, attempt: int) -> None:
        """No rank of this or an earlier attempt runs any more."""
        self._finished = max(self._finished, attempt)

    def close(self) -> None:
        """No further samples."""
        self._ended = True
        self._wake.set()
        for aside in self._asides:
            aside.end()

    def look(self) -> Sample:
        """One sample, at once; not by two threads at a time."""
        for aside in self._asides:
            aside.ask()
        now = time.monotonic()
        ranks = self._ranks.look(self._pids(), now)
        values = self._node.look(now)
        give_up = now + _PATIENCE_S
        for aside in self._asides:
            values |= aside.take(max(give_up - time.monotonic(), 0.0))
        return Sample(time.time(), self._place.index, values, ranks)

    def _run(self) -> None:
        while True:
            self._wake.clear()
            attempt = self._attempt
            if self._ended:
                return
            if attempt > self._finished:
                self._sample(attempt)
            else:
                self._wake.wait()

    def _sample(self, attempt: int) -> None:
        """Samples of one attempt, until it is finished."""
        self._node, self._ranks = NodeLooker(), RankLooker()
        self._ranks.look(self._pids(), time.monotonic())
        self._node.look(time.monotonic())
        due = time.monotonic() + min(_FIRST_S, self._every_s)
        while not self._wake.wait(max(due - time.monotonic(), 0.0)):
            if attempt <= self._finished:
                return
            try:
                self._write(attempt, line_of(self.look()))
            except Exception as error:  # a kernel that tells otherwise, a full disk: train on
                log.info("no sample: %s", error)
            # Not by what was due before: after a machine's sleep nothing is made up for.
            due = time.monotonic() + self._every_s

    def _write(self, attempt: int, line: bytes) -> None:
        """In one piece, as far as the disk has room; what is torn ends where the next begins."""
        if attempt <= self._finished:
            return
        path = self._folder.sampled(attempt, self._place.first_rank)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            whole = b"\n" + line if self._torn else line
            self._torn = os.write(descriptor, whole) < len(whole)
        finally:
            os.close(descriptor)


def interval() -> float:
    """Seconds between two samples on this node; 0: none are taken."""
    chosen = os.environ.get(VARIABLE, "").strip()
    if chosen == "off":
        return 0.0
    try:
        return max(parse_duration(chosen), _SHORTEST_S) if chosen else EVERY_S
    except ValueError as error:
        log.warning("%s: %s", VARIABLE, error)
        return EVERY_S


def _free(folder: JobFolder) -> dict[str, float]:
    return {"node/disk_free": free_bytes(folder.path)}
