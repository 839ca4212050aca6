"""Submissions and nodes -> who ran when and where. Time jumps from event to event.

The scheduler is told what the server tells it, and what it decides is done at once: a placed job
holds its nodes from that moment. After all events of a moment it decides once; not after those that
open no way: a checkpoint but a job's first says whom to preempt rather, not whether.

A preemptible job saves every so often and may be preempted from its first checkpoint on. A
preempted one gives its nodes back after a while, in which it stops, keeps its place in the queue,
and goes on later from its newest checkpoint: what it did since is lost.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from launcher import names
from launcher.model import usage
from launcher.model.project import Usage
from launcher.scheduler.scheduler import Scheduler
from launcher.scheduler.simulation.workload import Submission
from launcher.scheduler.state import (
    ANY,
    ClusterView,
    NodeView,
    Running,
    Waiting,
    WorkersByNode,
)

SAVES_EVERY_S = 1800.0
"""Between two checkpoints of a preemptible job."""
STOPS_IN_S = 60.0
"""From the order to be preempted until the nodes are free: the default of `timeouts.grace`."""


@dataclass(frozen=True)
class Stretch:
    """One time that a job held nodes. Seconds of the simulation's clock."""

    job: Submission
    workers_by_node: WorkersByNode
    begun_at: float
    ended_at: float
    kept_s: float
    """How much of its work was not lost again: all, but for a preempted one."""
    was_preempted: bool

    @property
    def held_s(self) -> float:
        return self.ended_at - self.begun_at


@dataclass(frozen=True)
class History:
    """What became of each job."""

    jobs: tuple[Submission, ...]
    stretches: tuple[Stretch, ...]
    """In the order in which they ended."""
    never_ran: tuple[str, ...]
    """Jobs that waited when nothing was left to happen."""


class _Event(IntEnum):
    """What happens first of what happens at one moment."""

    DONE = 0
    STOPPED = 1
    SAVED = 2
    SUBMITTED = 3


@dataclass
class _Progress:
    """How far a job has come."""

    job: Submission
    left_s: float
    attempts: int = 0
    holding: Running | None = None
    begun_at: float = 0.0
    saved_at: float | None = None
    """When its newest checkpoint was committed, in this attempt or one before."""


class Simulation:
    """One workload on one cluster under one scheduler; `run` once."""

    def __init__(
        self,
        scheduler: Scheduler,
        nodes: Sequence[NodeView],
        jobs: Iterable[Submission],
        saves_every_s: float = SAVES_EVERY_S,
        stops_in_s: float = STOPS_IN_S,
    ) -> None:
        self._scheduler = scheduler
        self._saves_every_s, self._stops_in_s = saves_every_s, stops_in_s
        self._progress = {job.job_id: _Progress(job, job.runs_s) for job in jobs}
        self._waiting: set[str] = set()
        self._past: dict[tuple[str, str], Usage] = {}
        self._stretches: list[Stretch] = []
        self._events = [
            (job.submitted_at, _Event.SUBMITTED, job.job_id, 0)
            for job in (progress.job for progress in self._progress.values())
        ]
        heapq.heapify(self._events)
        scheduler.report(ClusterView(nodes[0].cluster, tuple(nodes)))

    def run(self) -> History:
        """Until nothing is left to happen."""
        while self._events:
            now = self._events[0][0]
            may_start = False
            while self._events and self._events[0][0] == now:
                _, event, job_id, attempt = heapq.heappop(self._events)
                may_start |= self._happen(event, self._progress[job_id], attempt, now)
            if may_start and self._waiting:
                self._decide(now)
        jobs = tuple(progress.job for progress in self._progress.values())
        return History(jobs, tuple(self._stretches), tuple(sorted(self._waiting)))

    def _happen(self, event: _Event, progress: _Progress, attempt: int, now: float) -> bool:
        """True when a job that waits may be able to start by it."""
        holding = progress.holding
        if event is _Event.SUBMITTED:
            self._wait(progress, now)
            return True
        if holding is None or attempt != progress.attempts:
            return False  # the attempt ended otherwise before
        if event is _Event.SAVED:
            self._save(progress, holding, now)
            return holding.saved_at is None
        kept_s = max(0.0, (progress.saved_at or 0.0) - progress.begun_at)
        self._end(progress, holding, now, None if event is _Event.DONE else kept_s)
        return True

    def _wait(self, progress: _Progress, now: float) -> None:
        job = progress.job
        self._waiting.add(job.job_id)
        self._scheduler.put(
            Waiting(
                job_id=job.job_id,
                name=job.user or job.job_id,
                priority=job.priority,
                submitted_at=job.submitted_at,
                queued_at=now,
                not_before=0.0,
                cluster=ANY,
                resources=job.resources,
                project=job.project,
                user=job.user,
                lasts_s=job.lasts_s,
                preemptible=job.preemptible,
            )
        )

    def _decide(self, now: float) -> None:
        decisions = self._scheduler.decide(now)
        for placement in decisions.placements:
            progress = self._progress[placement.job_id]
            self._begin(progress, placement.cluster, placement.workers_by_node, now)
        for preemption in decisions.preemptions:
            self._preempt(self._progress[preemption.job_id], now)

    def _begin(
        self, progress: _Progress, cluster: str, workers_by_node: WorkersByNode, now: float
    ) -> None:
        job = progress.job
        self._waiting.remove(job.job_id)
        self._scheduler.drop(job.job_id)
        progress.attempts += 1
        progress.begun_at = now
        progress.holding = Running(
            job_id=job.job_id,
            name=job.user or job.job_id,
            cluster=cluster,
            workers_by_node=workers_by_node,
            resources=job.resources,
            project=job.project,
            user=job.user,
            priority=job.priority,
            submitted_at=job.submitted_at,
            since=now,
            lasts_s=job.lasts_s,
            saved_at=progress.saved_at,
            preemptible=job.preemptible,
        )
        self._scheduler.hold(self._allocation(progress), progress.holding)
        self._plan(progress, _Event.DONE, now + progress.left_s)
        if job.preemptible:
            self._plan(progress, _Event.SAVED, now + self._saves_every_s)

    def _save(self, progress: _Progress, holding: Running, now: float) -> None:
        if holding.is_ending:
            return
        progress.saved_at = now
        progress.holding = replace(holding, saved_at=now)
        self._scheduler.hold(self._allocation(progress), progress.holding)
        self._plan(progress, _Event.SAVED, now + self._saves_every_s)

    def _preempt(self, progress: _Progress, now: float) -> None:
        holding = progress.holding
        if holding is None or holding.is_ending:
            return
        progress.holding = replace(holding, is_ending=True)
        self._scheduler.hold(self._allocation(progress), progress.holding)
        self._plan(progress, _Event.STOPPED, now + self._stops_in_s)

    def _end(self, progress: _Progress, holding: Running, now: float, kept_s: float | None) -> None:
        """It is done, or (`kept_s`: of its work) was preempted, and gave its nodes back."""
        job, done_s = progress.job, progress.left_s if kept_s is None else kept_s
        self._stretches.append(
            Stretch(
                job=job,
                workers_by_node=holding.workers_by_node,
                begun_at=progress.begun_at,
                ended_at=now,
                kept_s=done_s,
                was_preempted=kept_s is not None,
            )
        )
        self._scheduler.release(self._allocation(progress))
        self._remember(job, progress.begun_at, now)
        progress.holding = None
        progress.left_s -= done_s
        if kept_s is not None:
            self._wait(progress, now)

    def _remember(self, job: Submission, begun_at: float, now: float) -> None:
        """What it held counts for its owner's fair share, as the server keeps the books."""
        owner, seconds = (job.project, job.user), usage.held_s(begun_at, now)
        cpus = job.resources.workers * job.resources.cpus_per_worker
        past = Usage(*owner, gpu_s=job.gpus * seconds, cpu_s=cpus * seconds, at=now)
        if owner in self._past:
            past = usage.together(self._past[owner], past)
        self._past[owner] = past
        self._scheduler.set_past(past)

    def _plan(self, progress: _Progress, event: _Event, at: float) -> None:
        heapq.heappush(self._events, (at, event, progress.job.job_id, progress.attempts))

    @staticmethod
    def _allocation(progress: _Progress) -> str:
        return names.allocation_id(progress.job.job_id, progress.attempts)
