"""What the scheduler knows, kept in step with the database: nobody reads all jobs to decide.

Whoever stored something tells it here, once it is stored. A server that starts reads everything
anew, and comes to the same.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TypeAlias

from launcher.model.job import Allocation, AllocationState, Job
from launcher.model.own_cluster import KubernetesCluster, OwnCluster, is_own
from launcher.model.pools import AskedNode
from launcher.model.project import Project, Usage
from launcher.model.reach import ClusterRules, Reach
from launcher.model.states import ACTIVE, JobState
from launcher.scheduler.scheduler import Scheduler
from launcher.scheduler.state import NOTHING_ASKED, Decisions, Placement, Scaling, Waiting
from launcher.server.floor import Floor
from launcher.server.own_books import OwnBooks, key_of
from launcher.server.seen import Seen
from launcher.server.tried import Tried
from launcher.store import Store, checkpoints, durations, jobs, projects, reaches, usage

_WAITS = frozenset({JobState.QUEUED, JobState.HELD})
_COUNTED = frozenset({"up", "stopping"})
"""States of an allocation in which Ray's free amounts are without it already."""


_REMEMBERED = 10_000
"""Of so many jobs that ended the revision is known, against words of theirs that come late."""
_FORESEEN, _FORESEEN_FOR_S = 50, 5.0
"""How many starts are foreseen, and how long that is good enough."""
_Name: TypeAlias = tuple[str, str]
"""Project and name."""


@dataclass(frozen=True)
class Tally:
    """Jobs that have not ended."""

    jobs: Mapping[tuple[str, JobState], int]
    """By project and state."""
    waiting_since: float | None
    """Of the one that waits longest in the queue."""


class Books:
    """Thread-safe.

    Args:
        store: the server's.
        floor: what the clusters report.
    """

    def __init__(self, store: Store, floor: Floor) -> None:
        self._store, self._floor = store, floor
        self._lock = threading.RLock()
        self._scheduler = Scheduler()
        self.own = OwnBooks()
        """To be read; `set_own` and `set_attached` change it."""
        self._rules = ClusterRules({})
        self._active: dict[str, Job] = {}
        self._waiting: dict[str, Job] = {}
        self._impatient: dict[str, Job] = {}
        """Those of them that wait no longer than they want to."""
        self._aside: dict[str, Job] = {}
        """Those that wait for something else than resources."""
        self._held: defaultdict[str, dict[str, Allocation]] = defaultdict(dict)
        """By job, the allocations that were not given back, by id."""
        self._holder: dict[str, Job] = {}
        self._looked_at: dict[str, Seen] = {}
        """What the scheduler was told of allocations, by id."""
        self._revisions: dict[str, int] = {}
        self._over: deque[str] = deque()
        self._learned: dict[_Name, float | None] = {}
        self._named: defaultdict[_Name, set[str]] = defaultdict(set)
        """Those that wait, by what they are called."""
        self._foreseen: tuple[float, dict[str, float]] = (-math.inf, {})
        self._scaling = NOTHING_ASKED
        self._load()

    def _load(self) -> None:
        with self._store.read() as tx:
            self._scheduler.set_projects(projects.all(tx))
            for past in usage.all(tx):
                self._scheduler.set_past(past)
            self.own.load(tx)
            self._rules = reaches.rules(tx)
            for allocation in jobs.unreleased(tx):
                job = jobs.get(tx, allocation.job_id)
                if job is not None:
                    self._held[job.id][allocation.id] = allocation
                    self._holder[job.id] = job
            for job in jobs.active(tx):
                self.saw(job)

    # --- being told ------------------------------------------------------------------------------

    def saw(self, job: Job) -> None:
        """A job as it is stored now."""
        with self._lock:
            if job.revision < self._revisions.get(job.id, 0):
                return  # another thread was faster with a later one
            self._revisions[job.id] = job.revision
            job = replace(job, spec={})  # nothing here reads it, and there may be very many
            self.own.saw(job)
            if job.allocation is not None:
                self._note_allocation(job, job.allocation)
            if job.id in self._held:
                self._holder[job.id] = job
            self._put(self._active, job, is_in=job.state in ACTIVE)
            self._put(self._waiting, job, is_in=job.is_eligible)
            is_limited = job.is_eligible and job.policy.queue_timeout_s is not None
            self._put(self._impatient, job, is_in=is_limited)
            self._put(self._aside, job, is_in=job.state in _WAITS and not job.is_eligible)
            if job.is_eligible:
                self._line_up(job)
            else:
                self._leave(job)
            if job.state is JobState.SUCCEEDED:
                self._learn(_name(job))
            if job.state.is_terminal:
                self._over.append(job.id)
                if len(self._over) > _REMEMBERED:
                    self._revisions.pop(self._over.popleft(), None)

    def released(self, allocation_id: str) -> None:
        """An allocation gave everything back."""
        job_id = allocation_id.rpartition(".")[0]
        with self._lock:
            self._scheduler.release(allocation_id)
            self._looked_at.pop(allocation_id, None)
            held = self._held.get(job_id, {})
            held.pop(allocation_id, None)
            if not held:
                self._held.pop(job_id, None)
                self._holder.pop(job_id, None)

    def removed(self, job_ids: Iterable[str]) -> None:
        """Jobs that are not in the database any more."""
        with self._lock:
            for job_id in job_ids:
                for allocation_id in list(self._held.get(job_id, {})):
                    self.released(allocation_id)
                for where in (self._active, self._impatient, self._aside):
                    where.pop(job_id, None)
                job = self._waiting.pop(job_id, None)
                if job is not None:
                    self._leave(job)
                self._revisions.pop(job_id, None)
                self.own.removed(job_id)

    def set_projects(self, all_: Iterable[Project]) -> None:
        with self._lock:
            self._scheduler.set_projects(all_)

    def set_rules(self, rules: ClusterRules) -> None:
        """Which project may use which cluster; whoever waits, waits by them from now on."""
        with self._lock:
            self._rules = rules
            for job in self._waiting.values():
                self._line_up(job)

    def set_past(self, past: Usage) -> None:
        """What somebody held before, as it is stored now."""
        with self._lock:
            self._scheduler.set_past(past)

    def set_own(self, own: OwnCluster) -> None:
        """A job's own cluster as it is stored now; one that is gone leaves its place."""
        with self._lock:
            self.own.set(own)
            if not own.is_there:
                self._scheduler.release(key_of(own))
            if (job := self.known(own.job_id)) is not None:
                self.own.saw(job)
            if own.job_id in self._waiting:
                self._line_up(self._waiting[own.job_id])

    def set_attached(self, attached: Iterable[KubernetesCluster]) -> None:
        """The Kubernetes clusters whose jobs get clusters of their own."""
        with self._lock:
            self.own.attached = {one.name: one for one in attached}
            for job in self._waiting.values():
                self._line_up(job)

    @staticmethod
    def _put(where: dict[str, Job], job: Job, *, is_in: bool) -> None:
        if is_in:
            where[job.id] = job
        else:
            where.pop(job.id, None)

    def _note_allocation(self, job: Job, allocation: Allocation) -> None:
        if allocation.state is AllocationState.GONE:
            self.released(allocation.id)
        else:
            self._held[job.id][allocation.id] = allocation

    def _line_up(self, job: Job) -> None:
        if self.own.of(job.id) is not None:  # it is in no line: it has its place
            self._leave(job)
            return
        self._named[_name(job)].add(job.id)
        self._scheduler.put(
            Waiting(
                job.id,
                job.name,
                job.priority,
                job.in_line_since,
                job.queued_at,
                job.not_before,
                job.cluster,
                self.own.line_up(job),
                job.project,
                job.user,
                self._lasts_s(job),
                job.policy.preemptible,
                job.resizes,
                self._rules.reach(job.project),
            )
        )

    def _leave(self, job: Job) -> None:
        self._scheduler.drop(job.id)
        self.own.leave(job.id)
        named = self._named.get(_name(job), set())
        named.discard(job.id)
        if not named:
            self._named.pop(_name(job), None)

    def _lasts_s(self, job: Job) -> float | None:
        """Its limit, or what jobs of its name took."""
        if job.policy.run_timeout_s is not None:
            return job.policy.run_timeout_s
        return self._expected_s(_name(job))

    def _expected_s(self, name: _Name) -> float | None:
        if name not in self._learned:
            with self._store.read() as tx:
                self._learned[name] = durations.expected_s(tx, *name)
        return self._learned[name]

    def _learn(self, name: _Name) -> None:
        """One more of them succeeded: those that wait may be expected to take another time."""
        if name not in self._learned:
            return  # nobody asked yet
        before = self._learned.pop(name)
        waiting = self._named.get(name, set())
        if waiting and self._expected_s(name) != before:
            for job_id in list(waiting):
                self._line_up(self._waiting[job_id])

    # --- being asked -----------------------------------------------------------------------------

    def reach(self, project: str) -> Reach:
        """The clusters that the jobs of a project may use."""
        with self._lock:
            return self._rules.reach(project)

    def active(self) -> list[Job]:
        """Jobs that have an attempt under way."""
        with self._lock:
            return list(self._active.values())

    def known(self, job_id: str) -> Job | None:
        """A job that has not ended, or holds something still; without its spec."""
        with self._lock:
            found = self._active.get(job_id) or self._waiting.get(job_id)
            return found or self._holder.get(job_id)

    def held_on(self, cluster: str) -> list[tuple[Allocation, Job]]:
        """What was not given back there, each with its job without its spec, oldest first."""
        with self._lock:
            found = [
                (allocation, self._holder[job_id])
                for job_id, held in self._held.items()
                for allocation in held.values()
                if allocation.cluster == cluster
            ]
        return sorted(found, key=lambda one: (one[0].created_at, one[0].job_id, one[0].number))

    def overdue(self, now: float) -> list[Job]:
        """Jobs that have waited for longer than they want to."""
        with self._lock:
            return [
                job
                for job in self._impatient.values()
                if job.policy.queue_timeout_s is not None
                and now - job.queued_at > job.policy.queue_timeout_s
            ]

    def reasons(self, job_ids: Iterable[str], now: float) -> dict[str, str]:
        """Why those of these jobs wait that do."""
        with self._lock:
            waiting = [job_id for job_id in job_ids if job_id in self._waiting]
            return {job_id: self._scheduler.why(job_id, now) for job_id in waiting}

    @property
    def is_steady(self) -> bool:
        """Nobody waits, and whoever does not runs."""
        with self._lock:
            active = self._active.values()
            return not self._waiting and all(job.state is JobState.RUNNING for job in active)

    def decide(self, now: float) -> Decisions:
        """One cycle, by what the clusters report now."""
        with self._lock:
            self._look_at_clusters()
            return self._scheduler.decide(now)

    def tell_asked(self, scaling: Scaling, now: float) -> list[str]:
        """A decision is made known: the clusters that shall have others than before."""
        with self._lock:
            self._scheduler.asked(scaling, now)
            before, self._scaling = self._scaling.nodes, scaling
            names = sorted({*before, *scaling.nodes})
            return [name for name in names if before.get(name) != scaling.nodes.get(name)]

    def asked(self, cluster: str) -> tuple[AskedNode, ...] | None:
        """All nodes that the autoscaler of a cluster shall see to; None: nothing is decided yet."""
        with self._lock:
            return self._scaling.nodes.get(cluster)

    def more(self, cluster: str) -> dict[str, int]:
        """By pool, how many nodes are asked for that are not there yet."""
        with self._lock:
            return dict(self._scaling.more.get(cluster, {}))

    def why(self, job_id: str, now: float) -> str:
        """Why a job waits; empty when it does not, or was not considered yet."""
        with self._lock:
            return self._scheduler.why(job_id, now)

    def position(self, job_id: str, now: float) -> int | None:
        """Its place in the queue, from 1."""
        with self._lock:
            return self._scheduler.position(job_id, now)

    def starts(self, now: float) -> dict[str, float]:
        """When the first jobs of the queue start, of those of which it can be told."""
        with self._lock:
            if not 0 <= now - self._foreseen[0] < _FORESEEN_FOR_S:
                self._foreseen = now, self._scheduler.starts(_FORESEEN)
            return self._foreseen[1]

    def in_turn(self, now: float, limit: int) -> list[Job]:
        """The first jobs that stand in the queue, in order, without their specs."""
        with self._lock:
            first = itertools.islice(self._scheduler.in_turn(now), limit)
            return [self._waiting[job.job_id] for job in first]

    def aside(self, now: float, limit: int) -> list[Job]:
        """The first of those that wait and do not stand in the queue, by the time of submission.

        They are held, wait for another job, for their turn in an array, or for a time.
        """
        with self._lock:
            asleep = [job for job in self._waiting.values() if job.not_before > now]
            found = [*self._aside.values(), *asleep]
        return heapq.nsmallest(limit, found, key=lambda job: (job.submitted_at, job.id))

    def count_waiting(self) -> int:
        """How many jobs wait, for whatever."""
        with self._lock:
            return len(self._waiting) + len(self._aside)

    def tally(self) -> Tally:
        """Counts all jobs that have not ended; the lock is held only to list them."""
        with self._lock:
            waiting = list(self._waiting.values())
            others = [*self._aside.values(), *self._active.values()]
        counted: dict[tuple[str, JobState], int] = {}
        for state in JobState:  # state by state: hashing one for each job is what would take long
            alike = [job for job in others if job.state is state]
            alike += waiting if state is JobState.QUEUED else []
            projects = Counter(map(attrgetter("project"), alike))
            counted |= {(project, state): count for project, count in projects.items()}
        return Tally(counted, min(map(attrgetter("queued_at"), waiting), default=None))

    def try_out(self, job: Job, now: float) -> Tried:
        """What would become of a job if it were submitted now. Nothing is changed."""
        with self._lock:
            last = self._scheduler.last  # what `why` goes by must not know of the trial
            self._waiting[job.id] = job  # for which others may be preempted
            try:
                self._line_up(job)
                self._look_at_clusters()
                decisions = self._scheduler.decide(now)
                later = self._reserved(job.id)
                position = self._scheduler.position(job.id, now)
                starts = self._scheduler.starts(_FORESEEN).get(job.id)
                why = self._scheduler.why(job.id, now)
            finally:
                del self._waiting[job.id]
                self._leave(job)
                self._scheduler.last = last
            placement = next((p for p in decisions.placements if p.job_id == job.id), None)
            put_off = tuple(p.job_id for p in decisions.preemptions if p.by == job.id)
            return Tried(placement, put_off, position, starts, why, later)

    def _reserved(self, job_id: str) -> Placement | None:
        """What the last cycle keeps free for a blocked job."""
        found = self._scheduler.last.reservations if self._scheduler.last else {}
        for cluster, one in sorted(found.items()):
            if one.job.job_id == job_id and one.where:
                return Placement(job_id, cluster, one.where)
        return None

    def _look_at_clusters(self) -> None:
        views = {view.name: view for view in self._floor.clusters() if not is_own(view.name)}
        views |= {view.name: view for view in self.own.views()}
        saved = self._saved()
        for name in set(self._scheduler.floors) - set(views):
            self._scheduler.forget(name)
            self._looked_at.clear()
        for view in views.values():
            self._scheduler.report(view)
        for job_id, held in self._held.items():
            for allocation in held.values():
                if allocation.cluster in views:
                    self._look_at(allocation, self._holder[job_id], saved.get(job_id))
        for key, running in self.own.running(saved, self._lasts_s):
            self._scheduler.hold(key, running)

    def _look_at(self, allocation: Allocation, job: Job, saved_at: float | None) -> None:
        """Tell the scheduler of an allocation, unless all that it would be told is as before."""
        report = self._floor.state_of(allocation.cluster, allocation.id)
        is_counted = report is not None and report.state in _COUNTED
        seen = Seen(allocation, job, is_counted, self._lasts_s(job), saved_at)
        before = self._looked_at.get(allocation.id)
        if before is None or not seen.is_same(before):
            self._scheduler.hold(allocation.id, seen.as_running())
            self._looked_at[allocation.id] = seen

    def _saved(self) -> dict[str, float]:
        """When jobs saved last that may be preempted, or that could grow."""
        able = [
            job.id
            for job in self._holder.values()
            if (job.policy.preemptible and self._waiting) or job.resources.is_elastic
        ]
        if not able:
            return {}
        with self._store.read() as tx:
            return checkpoints.newest_commits(tx, able)


def _name(job: Job) -> _Name:
    return job.project, job.name
