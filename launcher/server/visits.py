"""All visits (`launcher exec`): begun, watched, and forgotten. They live in this process alone."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from launcher.errors import ConflictError, NotFoundError
from launcher.model import codec
from launcher.model.job import Change, Event, Job
from launcher.model.visit import VisitEnd, VisitOrder
from launcher.model.visited import Place, is_over, place_of, words_of
from launcher.model.wire import AgentStatus, Orders
from launcher.server.control import Control
from launcher.server.notify import job_topic, visits_topic
from launcher.server.relay import Relay
from launcher.server.visit import Visit

MOST = 16
"""Visits that a job may have at a time."""
_LOOK_S, _LOOK_AT_JOB_S = 1.0, 10.0
"""How often silences are looked at, and the job if it does not change."""


@dataclass(frozen=True)
class Wish:
    """What a user asks for; `rank` and `node` as in `place_of`."""

    argv: tuple[str, ...]
    rank: int | None = None
    node: int | None = None
    tty: bool = False
    stdin: bool = False
    term: str = ""
    rows: int = 0
    columns: int = 0
    user: str = ""


class Visits:
    """Belongs to the event loop. `clock` is monotonic."""

    def __init__(self, control: Control, clock: Callable[[], float] = time.monotonic) -> None:
        self._control, self._notifier = control, control.notifier
        self._clock = clock
        self.relay = Relay(control.notifier, clock)
        self._visits: dict[str, Visit] = {}
        self._numbers: Counter[str] = Counter()
        """Visits of each job that are begun or beginning."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, job_id: str, wish: Wish) -> Visit:
        """A new visit; its agent is told at once.

        Raises:
            ConflictError: the job has no running ranks, or too many visits.
            SpecError: it has no such rank or node.
        """
        if self._numbers[job_id] >= MOST:
            raise ConflictError(
                f"job '{job_id}' has {MOST} commands of `launcher exec` now, as many as it may",
                hint="end one of them first",
            )
        self._numbers[job_id] += 1
        try:
            place = await asyncio.to_thread(self._admit, job_id, wish)
        except BaseException:
            self._count_down(job_id)
            raise
        order = VisitOrder(
            secrets.token_hex(8),
            place.attempt,
            place.rank,
            wish.argv,
            tty=wish.tty,
            stdin=wish.stdin or wish.tty,
            term=wish.term,
            rows=wish.rows,
            columns=wish.columns,
        )
        visit = self._visits[order.id] = Visit(place, order, self._clock())
        self._start(self._watch(visit))
        self._notifier.notify(visits_topic(job_id))
        return visit

    def find(self, identity: str) -> Visit:
        """A visit that is not forgotten.

        Raises:
            NotFoundError: there is none of that id.
        """
        visit = self._visits.get(identity)
        if visit is None:
            raise NotFoundError(
                "the server does not know this command of `launcher exec` any more",
                hint="it was started again meanwhile, which ends such commands, or nobody was "
                "connected to this one for too long",
            )
        return visit

    def change(self, visit: Visit, order: VisitOrder) -> None:
        """Another size of its terminal, signals, or that nobody wants it any more."""
        if order != visit.order:
            visit.order = replace(order, revision=order.revision + 1)
            self._tell_all(visit)

    def finish(self, visit: Visit, end: VisitEnd) -> None:
        """The agent's word that the command has ended."""
        visit.finish(end)
        self._tell_all(visit)

    # --- agents -----------------------------------------------------------------------------------

    def added_to(self, orders: Orders, job_id: str, status: AgentStatus) -> Orders:
        """The orders, with the visits that the agent shall carry out."""
        own = tuple(
            visit.order
            for visit in self._visits.values()
            if visit.end is None
            and (visit.place.job_id, visit.place.allocation) == (job_id, status.allocation)
            and (visit.place.index, visit.place.address) == (status.index, status.address)
        )
        if not own:
            return orders
        digest = hashlib.sha256(json.dumps(codec.encode(own)).encode()).hexdigest()[:16]
        return replace(orders, version=f"{orders.version}.{digest}", visits=own)

    def of_agent(self, identity: str, job_id: str) -> Visit:
        """A visit that an agent of the job carries out.

        Raises:
            NotFoundError: it is of another job, or over.
        """
        visit = self.find(identity)
        if visit.place.job_id != job_id or visit.end is not None:
            raise NotFoundError("the server knows the visit no more")
        visit.is_taken = True
        return visit

    # --- inside -----------------------------------------------------------------------------------

    def _admit(self, job_id: str, wish: Wish) -> Place:
        """Find its place, and write down who asked, at one moment."""
        found: list[Place] = []

        def step(job: Job, _: Connection) -> Change:
            place = place_of(job, wish.rank, wish.node)
            found.append(place)
            text = words_of(place, wish.argv, wish.user or "a user")
            return Change(job, (Event("exec", text, place.attempt),))

        self._control.change(job_id, step)
        return found[-1]

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # or it may be collected in the middle of its work
        task.add_done_callback(self._tasks.discard)

    async def _watch(self, visit: Visit) -> None:
        """End the visit when it is time, and forget it when its end is known."""
        looking = asyncio.create_task(self._look(visit))
        try:
            with self.relay.listening(visit) as changes:
                while not visit.is_forgotten(self._clock()):
                    await changes.wait(_LOOK_S)
                    before = visit.order, visit.end
                    visit.judge(self._clock())
                    if (visit.order, visit.end) != before:
                        self._tell_all(visit)
        finally:
            looking.cancel()
            del self._visits[visit.id]
            self._count_down(visit.place.job_id)
            self._tell_all(visit)

    async def _look(self, visit: Visit) -> None:
        """See when the job goes on without the visited attempt."""
        with self._notifier.listen(job_topic(visit.place.job_id)) as changes:
            while not (why := await asyncio.to_thread(self._why_over, visit.place)):
                await changes.wait(_LOOK_AT_JOB_S)
            visit.attempt_is_over(why, self._clock())
            self.relay.tell(visit)

    def _why_over(self, place: Place) -> str:
        with self._control.store.read() as tx:
            try:
                return is_over(self._control.get(tx, place.job_id), place)
            except NotFoundError:
                return f"job {place.job_id} was removed"

    def _tell_all(self, visit: Visit) -> None:
        self.relay.tell(visit)
        self._notifier.notify(visits_topic(visit.place.job_id))

    def _count_down(self, job_id: str) -> None:
        self._numbers[job_id] -= 1
        if not self._numbers[job_id]:
            del self._numbers[job_id]

    async def close(self) -> None:
        """The server stops."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
