"""The simulated server: the real Agents, Executors and Floor over a database that is a dictionary.

`Database` outlives a kill -9, all else of the server does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from types import SimpleNamespace
from typing import Any

from sim_net import Clock

from launcher.errors import NotFoundError
from launcher.model import lifecycle
from launcher.model.job import Allocation, AllocationState, Change, Job
from launcher.model.states import JobState
from launcher.model.wire import AgentStatus
from launcher.names import allocation_id
from launcher.server.agents import Agents
from launcher.server.executors import Executors
from launcher.server.floor import Floor
from launcher.store.spooled import SpoolState, read_stretch

CLUSTER = "rays"
Spool = tuple[str, int, int]
"""Job, attempt, rank."""


@dataclass
class Database:
    """What is durable, and the promises that each write keeps."""

    jobs: dict[str, Job] = field(default_factory=dict)
    allocations: dict[str, Allocation] = field(default_factory=dict)
    fence: int = 0
    spools: dict[Spool, SpoolState] = field(default_factory=dict)
    points: dict[Spool, list[int]] = field(default_factory=dict)

    def save(self, job: Job) -> None:
        before = self.jobs.get(job.id)
        if before is not None:
            check_facts_only_grow(before, job)
        self.jobs[job.id] = job
        if job.allocation is not None:
            self.allocations[job.allocation.id] = job.allocation

    def append(self, key: Spool, offset: int, data: bytes) -> int:
        """The rule of `launcher.store.metrics.Metrics.append`."""
        state = self.spools.get(key, SpoolState())
        if not 0 <= offset <= state.length < offset + len(data):
            return state.length
        stretch = read_stretch(data[state.length - offset :], state)
        self.spools[key] = stretch.state
        if "step" in stretch.series:
            self.points.setdefault(key, []).extend(stretch.series["step"].steps)
        points = self.points.get(key, [])
        assert points == list(range(len(points))), f"points of {key} are lost or doubled"
        return stretch.state.length


def check_facts_only_grow(before: Job, after: Job) -> None:
    old, new = before.attempt, after.attempt
    if old is not None:
        assert new is not None
        assert new.number in {old.number, old.number + 1}
        assert new.number == old.number or old.is_over
        assert new.number > old.number or not old.is_over or new == old
    was, now = before.allocation, after.allocation
    if was is not None and now is not None and was.number == now.number:
        assert list(AllocationState).index(now.state) >= list(AllocationState).index(was.state)
        for slot, later in zip(was.slots, now.slots, strict=True):
            assert not slot.closed or later.closed == slot.closed
            assert not slot.address or later.address == slot.address
            assert later.quiet >= slot.quiet


class _Tables:
    """Stands for the modules `jobs` and `clusters` of launcher.store; a `tx` is the database."""

    def get(self, tx: Database, name: str) -> Any:
        if name == CLUSTER:
            known = SimpleNamespace(fence=tx.fence, session_host="")
            return known if tx.fence else None
        return tx.jobs.get(name)

    def open_session(self, tx: Database, *_: object) -> int:
        tx.fence += 1
        return tx.fence

    def save_nodes(self, *_: object) -> bool:
        return True

    def fence(self, tx: Database, _: str) -> int:
        return tx.fence

    def allocation(self, tx: Database, identity: str) -> Allocation | None:
        return tx.allocations.get(identity)

    def save_allocation(self, tx: Database, allocation: Allocation) -> None:
        tx.allocations[allocation.id] = allocation
        job = tx.jobs[allocation.job_id]
        if job.allocation is not None and job.allocation.number == allocation.number:
            tx.jobs[job.id] = replace(job, allocation=allocation)


TABLES = _Tables()


class Books:
    """As launcher.server.books.Books, in step with the dictionary at every moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, job_id: str) -> Job | None:
        return self._database.jobs.get(job_id)

    def asked(self, _: str) -> None:
        """Clusters here stay as they are."""

    def held_on(self, _: str) -> list[tuple[Allocation, Job]]:
        held = self._database.allocations.values()
        return [
            (one, self._database.jobs[one.job_id])
            for one in held
            if one.state is not AllocationState.GONE
        ]


class Control:
    """As launcher.server.control.Control, over the dictionary."""

    def __init__(self, database: Database, clock: Callable[[], float], floor: Floor) -> None:
        self.database, self.clock, self.floor = database, clock, floor
        self.store = SimpleNamespace(begin=self._open, read=self._open, server_id="it")
        self.notifier = SimpleNamespace(notify=lambda *_: None)
        self.books = Books(database)

    @contextmanager
    def _open(self) -> Iterator[Database]:
        yield self.database

    def get(self, tx: Database, job_id: str) -> Job:
        if job_id not in tx.jobs:
            raise NotFoundError(f"no job '{job_id}'")
        return tx.jobs[job_id]

    def change(self, job_id: str, step: Callable[[Job, Any], Change]) -> Job:
        job = self.get(self.database, job_id)
        change = step(job, self.database)
        if change.job != job or change.events:
            self.database.save(change.job)
        return self.database.jobs[job_id]

    def advance(self, job: Job, step: Callable[[Job], Change]) -> None:
        change = step(job)
        if change.job != job or change.events:
            self.change(job.id, lambda job, _: step(job))

    def note_given_back(self, allocation_id: str) -> None:
        """The books here are the dictionary."""

    def job_token(self, job_id: str) -> str:
        return f"token of {job_id}"


class Server:
    """One life of the server."""

    place = "server"

    def __init__(self, database: Database, clock: Clock, t: Callable[[], float]) -> None:
        self.is_open = True
        self.database = database
        floor = Floor(clock=lambda: clock.at(t()))
        control: Any = Control(database, lambda: 1e9 + t(), floor)
        self.control = control
        self.agents = Agents(control, clock=lambda: clock.at(t()))
        self.executors = Executors(control, self.agents)

    def setup(self, allocation: str) -> Job:
        job = self.database.jobs[allocation.rpartition(".")[0]]
        if job.allocation is None or job.allocation.id != allocation:
            raise NotFoundError(allocation)
        return job

    def sync(self, status: AgentStatus) -> Any:
        return self.agents.sync(status.allocation.rpartition(".")[0], status)

    def change(self, job_id: str, step: Callable[[Job], Change]) -> None:
        self.control.change(job_id, lambda job, _: step(job))

    def cycle(self, random: Random) -> None:
        """As launcher.server.scheduling.cycle, with a placement that knows no limits."""
        now = self.control.clock()
        for job in list(self.database.jobs.values()):
            if job.state.is_terminal:
                continue
            self.change(job.id, lambda job: lifecycle.tick(job, now))
            if job.attempt is not None and not job.attempt.is_over:
                self.change(job.id, lambda job: self.agents.expire(job, now))
            self.change(job.id, lambda job: self._granted(job, now, random))

    def _granted(self, job: Job, now: float, random: Random) -> Change:
        if lifecycle.wants_grant(job, now):
            return lifecycle.grant_in_place(job, now, None)
        heard = self.control.floor._heard.get(CLUSTER)
        if job.state is not JobState.QUEUED or now < job.not_before or not heard:
            return Change(job)
        nodes = [node.node_id for node in heard.report.nodes] if heard.report else []
        count = min(job.resources.nodes or 1, job.resources.workers)
        if len(nodes) < count or not self.control.floor.is_live(CLUSTER):
            return Change(job)
        chosen = random.sample(nodes, count)
        ranks = [job.resources.workers - count + 1, *([1] * (count - 1))]
        return lifecycle.place(job, CLUSTER, list(zip(chosen, ranks, strict=True)), now)

    def slot_is_over(self, job_id: str, allocation: int, index: int, attempt: int) -> bool:
        stored = self.database.allocations[allocation_id(job_id, allocation)]
        return stored.slots[index].has_ended(attempt)
