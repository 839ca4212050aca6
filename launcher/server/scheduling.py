"""The loop that grants attempts: looks at all jobs when something changed, and once a second."""

from __future__ import annotations

import asyncio
import logging

from launcher.model import lifecycle
from launcher.model.job import Allocation, AllocationState, Job
from launcher.model.states import JobState
from launcher.scheduler.decide import decide
from launcher.scheduler.state import Running, State, Waiting, WorkersByNode
from launcher.server.agents import Agents
from launcher.server.control import Control
from launcher.server.notify import SCHEDULE
from launcher.store import jobs

log = logging.getLogger(__name__)

CYCLE_S, STEADY_CYCLE_S = 1.0, 3.0
"""Between two cycles without a change; the longer one while all jobs run or have ended: only limits
and leases fall due then, which are long, and the CPU may be one that a job trains on."""
_COUNTED = frozenset({"up", "stopping"})
"""States of an allocation in which Ray's free amounts are without it already."""


async def schedule_for_ever(control: Control, agents: Agents) -> None:
    """One cycle after every change, and one now and then for what time alone changes."""
    with control.notifier.listen(SCHEDULE) as changes:
        while True:
            pause_s = CYCLE_S
            try:
                if await asyncio.to_thread(cycle, control, agents):
                    pause_s = STEADY_CYCLE_S
            except Exception:  # the loop is the queue: it must outlive any one job's trouble
                log.exception("a scheduling cycle broke")
                await asyncio.sleep(CYCLE_S)
            await changes.wait(pause_s)


def cycle(control: Control, agents: Agents) -> bool:
    """Time's effects, grants in place, then the queue; True when all that has not ended runs."""
    now = control.clock()
    with control.store.read() as tx:
        active = jobs.active(tx)
    if not active:
        return True
    for job in active:
        control.advance(job, lambda job: lifecycle.tick(job, now, control.reason(job)))
        if job.attempt is not None and not job.attempt.is_over:
            control.advance(job, lambda job: agents.expire(job, now))
        if lifecycle.wants_grant(job, now):
            control.grant_in_place(job.id)
    decisions = decide(_state(control, active), now)
    for placement in decisions.placements:
        control.grant(placement.job_id, placement.cluster, placement.workers_by_node)
    control.set_waiting(decisions.reasons)
    return all(job.state is JobState.RUNNING for job in active)


def _state(control: Control, active: list[Job]) -> State:
    known = {job.id: job for job in active}
    with control.store.read() as tx:
        clusters = control.floor.clusters(tx)
        held = [
            (allocation, known.get(allocation.job_id) or jobs.get(tx, allocation.job_id))
            for view in clusters
            for allocation in jobs.unreleased(tx, view.name)
        ]
    waiting = tuple(
        Waiting(
            job.id,
            job.name,
            job.priority,
            job.submitted_at,
            job.queued_at,
            job.not_before,
            job.cluster,
            job.resources,
        )
        for job in active
        if job.state is JobState.QUEUED
    )
    running = []
    for allocation, job in held:
        if job is None or allocation.state is AllocationState.GONE:
            continue
        report = control.floor.state_of(allocation.cluster, allocation.id)
        running.append(
            Running(
                job.id,
                job.name,
                allocation.cluster,
                _workers_by_node(allocation, job.resources.replicas_per_rank),
                job.resources,
                is_counted=report is not None and report.state in _COUNTED,
            )
        )
    return State(tuple(clusters), waiting, tuple(running))


def _workers_by_node(allocation: Allocation, of_a_rank: int) -> WorkersByNode:
    return tuple((slot.node_id, slot.ranks * of_a_rank) for slot in allocation.slots)
