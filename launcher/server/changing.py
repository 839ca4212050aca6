"""One transaction in which jobs change, with all that follows from it for other jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from launcher.model.job import Change, Event, Job
from launcher.model.project import Usage
from launcher.model.usage import usage_of
from launcher.server.dependents import consequences
from launcher.store import events, jobs, usage

Step = Callable[[Job, Connection], Change]


class Changing:
    """The changes of one transaction, and what is to be told of them once it is over.

    Args:
        tx: the transaction.
        get: the stored job of an id, or a NotFoundError.
        outbox: as of `Control`.
        now: server clock.
    """

    def __init__(
        self,
        tx: Connection,
        get: Callable[[Connection, str], Job],
        outbox: Callable[[Connection, Job, Job, float], bool],
        now: float,
    ) -> None:
        self.tx = tx
        self._get, self._outbox, self._now = get, outbox, now
        self.saved: dict[str, Job] = {}
        """By their ids, as they are stored now."""
        self.told: list[tuple[str, Event]] = []
        self.past: list[Usage] = []
        """What their owners held before, as it is stored now."""
        self.wrote_message = False

    def take(self, job_id: str, step: Step) -> Job:
        """Let `step` decide on the stored job, and store what it decided.

        Raises:
            NotFoundError: there is no such job.
        """
        job = self._get(self.tx, job_id)
        # A stack, and no recursion: thousands of jobs may each wait for the one before.
        following: list[Iterator[tuple[Job, Change]]] = [iter([(job, step(job, self.tx))])]
        while following:
            found = next(following[-1], None)
            if found is None:
                following.pop()
                continue
            before, change = found
            if change.job != before or change.events:
                after = self._store(before, change)
                following.append(consequences(self.tx, before, after, self._now))
        return self.saved.get(job_id, job)

    def _store(self, before: Job, change: Change) -> Job:
        saved = jobs.save(self.tx, change.job)
        events.append(self.tx, saved.id, change.events, self._now)
        held = usage_of(before, change.job)
        if held is not None:
            self.past.append(usage.add(self.tx, held))
        if self._outbox(self.tx, before, change.job, self._now):
            self.wrote_message = True
        self.saved[saved.id] = saved
        self.told += [(saved.id, event) for event in change.events]
        return saved
