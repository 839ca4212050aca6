"""The scheduler between cycles: what waits, runs and is free, and what follows from it.

It is told of changes, and decides when asked; deciding changes nothing in it. What it comes to
follows from what it was told, in whatever order: `decide(state, now)` makes one anew and says the
same. So one that was restarted goes on as if it had not been.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from launcher.model.project import Project, Usage
from launcher.scheduler import explain
from launcher.scheduler.cycle import Cycle, Policy
from launcher.scheduler.floor import Floor
from launcher.scheduler.forecast import forecast
from launcher.scheduler.grow import grow
from launcher.scheduler.queue import Queue
from launcher.scheduler.quota import Quotas
from launcher.scheduler.scaling import scale
from launcher.scheduler.shares import RESOURCES, Fairness, Shares
from launcher.scheduler.state import (
    ClusterView,
    Decisions,
    Placement,
    Running,
    Scaling,
    Waiting,
    started,
)
from launcher.scheduler.turns import Turns


class Scheduler:
    """Not thread-safe: whoever tells it something and whoever asks it take turns.

    Args:
        policy: what counts.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.queue = Queue(self.policy.ageing_s, heeds_priority=self.policy.priority)
        self.shares = Shares()
        self.quotas = Quotas()
        self.floors: dict[str, Floor] = {}
        self.last: Cycle | None = None
        """What the last `decide` came to."""
        self._cluster_of: dict[str, str] = {}
        self._asked_at: dict[str, float] = {}
        """By job, since when nodes are asked for it."""

    # --- being told ------------------------------------------------------------------------------

    def put(self, job: Waiting) -> None:
        """A job waits, or waits otherwise than before."""
        self.queue.put(job)

    def fill(self, jobs: Iterable[Waiting]) -> None:
        """All of these wait, and nobody did before."""
        self.queue.fill(jobs)

    def drop(self, job_id: str) -> None:
        """A job waits no more."""
        self.queue.drop(job_id)

    def report(self, view: ClusterView) -> None:
        """A cluster as it is now."""
        floor = self.floors.get(view.name)
        if floor is None:
            self.floors[view.name] = Floor(view)
        else:
            floor.report(view)

    def forget(self, cluster: str) -> None:
        """A cluster was detached; what is held there counts no more."""
        floor = self.floors.pop(cluster, None)
        for key, running in floor.holders.items() if floor is not None else ():
            self._count(running, -1)
            del self._cluster_of[key]

    def hold(self, key: str, running: Running) -> None:
        """An allocation is held, or is known better; `key`: its id."""
        floor = self.floors.get(running.cluster)
        if floor is None:
            view = ClusterView(running.cluster, (), is_live=False)
            floor = self.floors[running.cluster] = Floor(view)
        before = floor.holders.get(key)
        if before == running:
            return
        if before is not None:
            self._count(before, -1)
        self._count(running, 1)
        self._cluster_of[key] = running.cluster
        floor.hold(key, running)

    def release(self, key: str) -> None:
        """An allocation gave everything back."""
        floor = self.floors.get(self._cluster_of.pop(key, ""))
        if floor is not None:
            self._count(floor.holders[key], -1)
            floor.release(key)

    def set_projects(self, projects: Iterable[Project]) -> None:
        """Quotas and weights of all projects that have any."""
        self.shares.set_projects(projects)

    def set_past(self, usage: Usage) -> None:
        """What an owner held before."""
        self.shares.set_past(usage)

    def asked(self, scaling: Scaling, now: float) -> None:
        """The clusters were told what a decision came to."""
        self._asked_at = {job_id: self._asked_at.get(job_id, now) for job_id in scaling.jobs}

    def _count(self, running: Running, sign: int) -> None:
        self.shares.hold(running, sign)
        self.quotas.hold(running, sign)

    # --- being asked -----------------------------------------------------------------------------

    def decide(self, now: float) -> Decisions:
        """One cycle; `now`: server clock, seconds since the epoch."""
        cycle = self.last = self._look(now)
        for floor in cycle.floors:
            floor.begin_trial()
        turns = Turns(cycle)
        while job := turns.next():
            placement = cycle.consider(job)
            if placement is not None:
                where = placement.cluster, placement.workers_by_node
                self.hold(_tentative(placement), started(job, *where, now))
                cycle.placements.append(placement)
                cycle.fairness.changed(job.project)
            turns.found(place=placement is not None)
        growths = grow(cycle)
        cycle.scaling = scale(cycle)
        self._take_back(cycle)
        decided = tuple(cycle.placements), tuple(cycle.preemptions), growths
        return Decisions(*decided, cycle.scaling)

    def position(self, job_id: str, now: float) -> int | None:
        """The job's place in the queue, from 1; None for one that does not stand in it."""
        job = self.queue.jobs.get(job_id)
        if job is None or job.not_before > now:
            return None
        self.queue.wake(now)
        return self.queue.position(job, self._fairness(now))

    def in_turn(self, now: float) -> Iterator[Waiting]:
        """The jobs that stand in the queue, in order."""
        self.queue.wake(now)
        return self.queue.in_turn(self._fairness(now))

    def starts(self, limit: int) -> dict[str, float]:
        """When the first `limit` jobs of the queue start, of those of which it can be told.

        By what the last `decide` came to; seconds since the epoch.
        """
        if self.last is None:
            return {}
        return forecast(itertools.islice(self.in_turn(self.last.now), limit), self.last)

    def why(self, job_id: str, now: float) -> str:
        """Why a job waits, by what the last `decide` came to; empty: it does not."""
        job = self.queue.jobs.get(job_id)
        if job is None or self.last is None:
            return ""
        if job.not_before > now:
            return explain.backs_off(job, now)
        views = [floor.view for floor in self.floors.values()]
        return explain.waits(job, self.last, views, now, self._asked_at.get(job_id))

    def _look(self, now: float) -> Cycle:
        self.queue.wake(now)
        live = [self.floors[name] for name in sorted(self.floors) if self.floors[name].view.is_live]
        fairness = self._fairness(now)
        return Cycle(now, self.policy, self.queue, self.shares, self.quotas, live, fairness)

    def _fairness(self, now: float) -> Fairness:
        has = {
            name: sum(floor.whole.sum(name) for floor in self.floors.values()) for name in RESOURCES
        }
        owners = self.queue.owners()
        return Fairness(self.shares, owners, has, now, is_on=self.policy.fair_share)

    def _take_back(self, cycle: Cycle) -> None:
        """Decided is not done: whoever carries it out tells what came of it."""
        for placement in cycle.placements:
            self.release(_tentative(placement))
        for floor, key, running in cycle.put_off:
            floor.hold(key, running)
        for floor in cycle.floors:
            floor.end_trial()


def _tentative(placement: Placement) -> str:
    return f"?{placement.job_id}"
