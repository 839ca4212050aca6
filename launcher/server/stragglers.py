"""Compares the ranks of each gang as their reports come in, and tells who is slow.

What is compared lies in memory alone: after a restart a slow rank is found again within as many
steps. Who is marked is stored, so it is told once.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from launcher.errors import LauncherError
from launcher.model.job import Event
from launcher.model.straggler import STEPS, GangPace, Mark, Recovered
from launcher.server.control import Control
from launcher.store import clusters, events, jobs, stragglers
from launcher.store.packing import Columns
from launcher.store.stragglers import Straggler

log = logging.getLogger(__name__)

SLOW, OVER = "straggler", "straggler-over"
"""Kinds of events."""
_GANGS = 1000
"""So many are compared at a time: those that reported last."""
_MISSES = 50
"""A rank's step times are those of one series; of another one when it has not come so often."""


@dataclass
class _Steps:
    """By which series a rank's steps are counted."""

    name: str
    misses: int = 0


@dataclass
class _Gang:
    """`hosts`: of each rank, for people."""

    pace: GangPace
    hosts: tuple[str, ...]
    steps: dict[int, _Steps] = field(default_factory=dict)


class _Untold(NamedTuple):
    job_id: str
    attempt: int
    host: str
    turn: Mark | Recovered


class Stragglers:
    """Synchronous; called from worker threads."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._turn = threading.Lock()
        self._gangs: OrderedDict[tuple[str, int], _Gang | None] = OrderedDict()
        self._untold: list[_Untold] = []

    def take(self, job_id: str, attempt: int, rank: int, series: Mapping[str, Columns]) -> None:
        """Points that a rank reported, in their order.

        Called while points are being stored: nothing is written, for who writes may be waiting for
        that to end. `tell` is called after it.
        """
        with self._turn:
            gang = self._gang(job_id, attempt)
            columns = _steps(gang, rank, series) if gang else None
            if gang is not None and columns is not None:
                for turn in gang.pace.take(rank, columns.steps, columns.times):
                    self._untold.append(_Untold(job_id, attempt, gang.hosts[turn.rank], turn))

    def tell(self) -> None:
        """Write down who became slow or keeps pace again; nothing is raised for it."""
        if not self._untold:
            return
        with self._turn:
            untold, self._untold = self._untold, []
        try:
            self._write(untold)
        except LauncherError as error:  # a full disk: that must not keep points from coming
            log.warning("slow ranks are not told: %s", error)

    def _gang(self, job_id: str, attempt: int) -> _Gang | None:
        key = (job_id, attempt)
        if key not in self._gangs:
            self._gangs[key] = self._open(job_id, attempt)
            while len(self._gangs) > _GANGS:
                self._gangs.popitem(last=False)
        self._gangs.move_to_end(key)
        return self._gangs[key]

    def _open(self, job_id: str, attempt: int) -> _Gang | None:
        """None where there is nobody to compare with, or the attempt is not the newest."""
        with self._control.store.read() as tx:
            job = jobs.get(tx, job_id)
            allocation, newest = (job.allocation, job.attempt) if job else (None, None)
            if allocation is None or newest is None or newest.number != attempt:
                return None
            nodes = [slot.index for slot in allocation.slots for _ in range(slot.ranks)]
            if len(nodes) < 2:
                return None
            marked = [one.rank for one in stragglers.of(tx, job_id, attempt)]
            cluster = clusters.get(tx, allocation.cluster)
        names = {node.node_id: node.host for node in cluster.nodes} if cluster else {}
        hosts = {slot.index: names.get(slot.node_id, "") for slot in allocation.slots}
        return _Gang(GangPace(nodes, marked), tuple(hosts[node] for node in nodes))

    def _write(self, untold: Sequence[_Untold]) -> None:
        now = self._control.clock()
        with self._control.store.begin() as tx:
            for job_id, attempt, host, turn in untold:
                if jobs.get(tx, job_id) is None:
                    continue  # it was removed meanwhile
                if isinstance(turn, Mark):
                    one = Straggler(turn.rank, host, turn.factor, turn.step, now)
                    stragglers.add(tx, job_id, attempt, one)
                    events.append(tx, job_id, [Event(SLOW, _words(turn, host), attempt)], now)
                elif stragglers.remove(tx, job_id, attempt, turn.rank):
                    text = f"rank {turn.rank} keeps pace with the others again (step {turn.step})"
                    events.append(tx, job_id, [Event(OVER, text, attempt)], now)


def _steps(gang: _Gang, rank: int, series: Mapping[str, Columns]) -> Columns | None:
    """The points by which the rank's steps are counted: those of a series that comes often.

    Others may count otherwise: what is told once an epoch by epochs.
    """
    counted = gang.steps.get(rank)
    if counted is not None and counted.name not in series:
        counted.misses += 1
        if counted.misses < _MISSES:
            return None
        counted = None
    if counted is None:
        counted = gang.steps[rank] = _Steps(max(series, key=lambda name: len(series[name].steps)))
    counted.misses = 0
    return series[counted.name]


def _words(mark: Mark, host: str) -> str:
    where = f"rank {mark.rank} on {host}" if host else f"rank {mark.rank}"
    if mark.is_late:
        late = f"reports its steps {mark.factor - 1:.2g} of a step later than the others"
        return f"{where} {late} of its node, {STEPS} steps in a row (step {mark.step})"
    slow = f"takes {mark.factor:.2g} times as long for a step as the median of the gang"
    return f"{where} {slow}, {STEPS} steps in a row (step {mark.step})"
