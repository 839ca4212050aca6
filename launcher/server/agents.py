"""What agents say of their ranks, and the orders they get. The proofs of death are weighed here."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from secrets import token_hex

from launcher import __version__
from launcher.errors import ConflictError, NotFoundError
from launcher.model import versions
from launcher.model.harmless import harmless
from launcher.model.job import Change, Event, Job
from launcher.model.launch import Launch
from launcher.model.outputs import OutputLimits
from launcher.model.wire import (
    OLDEST_WIRE,
    WIRE_VERSION,
    AgentReport,
    AgentSetup,
    AgentStatus,
    Orders,
)
from launcher.names import allocation_id
from launcher.server import rules
from launcher.server.control import Control
from launcher.server.floor import EMBEDDED
from launcher.server.notify import SCHEDULE
from launcher.server.secret import ForAgent, Secrets
from launcher.spec.jobspec import JobSpec
from launcher.spec.launch import to_launch


class Agents:
    """Synchronous; called from worker threads. `clock` is monotonic."""

    def __init__(
        self,
        control: Control,
        clock: Callable[[], float] = time.monotonic,
        output_limits: OutputLimits | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self._secrets = secrets
        self._control = control
        self._output_limits = output_limits or OutputLimits()
        self._clock = clock
        self._started = clock()
        self._instance = token_hex(4)
        self._answered: defaultdict[str, dict[int, float]] = defaultdict(dict)
        """By allocation, when each agent's lease was renewed last; after a restart, the restart
        counts."""
        self._told_to_go: set[str] = set()
        """Allocations whose agents are of too old a version."""

    def setup(self, job_id: str, wanted: str) -> AgentSetup:
        """What an agent of the allocation needs once.

        Raises:
            NotFoundError: the job does not have that allocation now.
        """
        with self._control.store.read() as tx:
            job = self._control.get(tx, job_id)
        if job.allocation is None or job.allocation.id != wanted:
            raise NotFoundError(f"no allocation '{wanted}'")
        launch = launch_of(job, job.allocation.cluster)
        secrets = self._secrets.for_agent(job) if self._secrets else ForAgent()
        return AgentSetup(
            launch,
            tuple(slot.ranks for slot in job.allocation.slots),
            secrets=secrets.values,
            sealed=secrets.sealed,
            fault=secrets.fault,
            output_limits=self._output_limits,
        )

    def sync(self, job_id: str, status: AgentStatus) -> Orders:
        """Take an agent's status, and answer with its orders, which renews its lease.

        Raises:
            ConflictError: it is newer than this server, which may misunderstand it. Its lease is
                its executor's to renew until the server is as new.
        """
        number = _number_of(status.allocation, job_id)
        self._check_version(job_id, status)
        # From when it came, not from when it is answered: the agent counts from before that.
        self._answered[status.allocation][status.index] = self._clock()
        now = self._control.clock()
        job = self._control.change(
            job_id,
            lambda job, _: rules.take_status(job, number, status, self._living(job), now),
        )
        if status.leaving:
            self._note_leaving(job, number, status)
        return _for_its_age(rules.orders_for(job, number, status.index, status.address), status)

    def _note_leaving(self, job: Job, number: int, status: AgentStatus) -> None:
        allocation = job.allocation
        if allocation is None or allocation.number != number:
            return
        node_id = next((s.node_id for s in allocation.slots if s.index == status.index), "")
        why = _reason(harmless(status.leaving))
        if node_id and self._control.floor.tell_leaving(allocation.cluster, node_id, why):
            self._control.notifier.notify(SCHEDULE)

    def _check_version(self, job_id: str, status: AgentStatus) -> None:
        unfit = versions.misfit(status.wire, f"the agent of node {status.index}", __version__)
        if unfit is None:
            return
        if status.wire > WIRE_VERSION:
            raise ConflictError(unfit.message, hint=unfit.hint)
        if status.allocation not in self._told_to_go:
            self._told_to_go.add(status.allocation)
            words = f"{unfit.message}: it is told to end, and the job begins again"
            event = Event("note", words, status.attempt or None)
            self._control.change(job_id, lambda job, _: Change(job, (event,)))

    def _living(self, job: Job) -> set[str]:
        """Those of the allocation's nodes that the executor does not report as lost."""
        allocation, floor = job.allocation, self._control.floor
        if allocation is None:
            return set()
        nodes = {slot.node_id for slot in allocation.slots}
        return {node for node in nodes if floor.is_node_alive(allocation.cluster, node)}

    def look(self, job_id: str, status: AgentStatus) -> Orders:
        """The orders as they are now, for a request that waits."""
        with self._control.store.read() as tx:
            job = self._control.get(tx, job_id)
        number = _number_of(status.allocation, job_id)
        return _for_its_age(rules.orders_for(job, number, status.index, status.address), status)

    def receipt(self) -> str:
        """Proves of a report which carries it that it was made after now. Opaque to others."""
        return f"{self._instance}:{self._clock()}"

    def weigh(self, job: Job, number: int, report: AgentReport, receipt: str, now: float) -> Change:
        """What the executor's view of an agent proves, beside when this server heard it last."""
        instance, _, made_after = receipt.partition(":")
        unheard_s = 0.0
        if instance == self._instance:
            unheard_s = float(made_after) - self._renewed_at(job.id, number, report.index)
        return rules.weigh(job, number, report, unheard_s, now)

    def _renewed_at(self, job_id: str, number: int, index: int) -> float:
        return self._answered.get(allocation_id(job_id, number), {}).get(index, self._started)

    def forget(self, allocation: str) -> None:
        """It gave everything back: no agent of it is there any more."""
        self._answered.pop(allocation, None)
        self._told_to_go.discard(allocation)

    def expire(self, job: Job, now: float) -> Change:
        """Give up what this server has not heard for so long that it ended by itself."""
        allocation = job.allocation
        if allocation is None:
            return Change(job)
        unheard_s = {
            slot.index: self._clock() - self._renewed_at(job.id, allocation.number, slot.index)
            for slot in allocation.slots
            if slot.address  # who never came is the start timeout's business
        }
        return rules.expire(job, unheard_s, now)


def launch_of(job: Job, cluster: str) -> Launch:
    """A job as the agents of its allocation on that cluster shall launch it."""
    launch = to_launch(JobSpec.model_validate(job.spec), job.id, job.code)
    gang = job.gang
    launch = replace(launch, workers=gang.workers, replicas_per_rank=gang.replicas_per_rank)
    if job.array_id is not None:
        launch = replace(
            launch,
            array_id=job.array_id,
            array_index=job.array_index or 0,
            array_count=job.array_count or 0,
        )
    if cluster == EMBEDDED and job.policy.own_python:
        launch = replace(launch, python=job.policy.own_python)
    return launch


def _for_its_age(orders: Orders, status: AgentStatus) -> Orders:
    """The one order that every version obeys goes to those of which no other is known to be."""
    return replace(orders, close=True) if status.wire < OLDEST_WIRE else orders


def _reason(told: str) -> str:
    """Why a node goes, without its name: the server has its own for it.

    >>> _reason("gpu-7 (Kubernetes ends pod gpu-7)")
    'Kubernetes ends pod gpu-7'
    """
    _, bracket, reason = told.partition(" (")
    return reason.removesuffix(")") if bracket else told


def _number_of(identity: str, job_id: str) -> int:
    owner, _, number = identity.rpartition(".")
    if owner != job_id or not number.isdecimal():
        raise NotFoundError(f"no allocation '{identity}' of job '{job_id}'")
    return int(number)
