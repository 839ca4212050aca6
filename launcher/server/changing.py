"""One transaction in which jobs change, with all that follows from it for other jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from sqlalchemy import Connection

from launcher.model.job import Change, Event, Job
from launcher.model.project import Usage
from launcher.model.usage import usage_of
from launcher.server.dependents import consequences
from launcher.store import events, jobs, usage

Step = Callable[[Job, Connection], Change]
_Stored: TypeAlias = tuple[Job, Job]
"""A job before its change, and as it is stored now."""


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
        self.changes: list[_Stored] = []
        """In the order in which they were made."""

    def take(self, job_id: str, step: Step) -> Job:
        """Let `step` decide on the stored job, and store what it decided.

        Raises:
            NotFoundError: there is no such job.
        """
        job = self._get(self.tx, job_id)
        self._follow(self._store([(job, step(job, self.tx))]))
        return self.saved.get(job_id, job)

    def take_all(self, steps: Mapping[str, Step]) -> None:
        """`take` for several jobs, by id, which are read and stored together.

        What follows for other jobs comes when all of them are stored. One that is not there any
        more is passed over.
        """
        found = jobs.get_all(self.tx, steps.keys())
        changes = [(job, steps[job_id](job, self.tx)) for job_id, job in found.items()]
        self._follow(self._store(changes))

    def _follow(self, stored: Iterable[_Stored]) -> None:
        # A stack, and no recursion: thousands of jobs may each wait for the one before.
        following = [self._consequences(before, after) for before, after in stored]
        following.reverse()
        while following:
            change = next(following[-1], None)
            if change is None:
                following.pop()
            else:
                following += [self._consequences(*one) for one in self._store([change])]

    def _consequences(self, before: Job, after: Job) -> Iterator[tuple[Job, Change]]:
        return consequences(self.tx, before, after, self._now)

    def _store(self, changes: Iterable[tuple[Job, Change]]) -> list[_Stored]:
        """Stores those that changed something; gives these jobs before and after."""
        real = [(job, change) for job, change in changes if change.job != job or change.events]
        saved = jobs.save_all(self.tx, [change.job for _, change in real])
        told = [(change.job.id, event) for _, change in real for event in change.events]
        events.append_all(self.tx, told, self._now)
        for before, change in real:
            held = usage_of(before, change.job)
            if held is not None:
                self.past.append(usage.add(self.tx, held))
            if self._outbox(self.tx, before, change.job, self._now):
                self.wrote_message = True
        self.saved |= {job.id: job for job in saved}
        self.told += told
        stored = [(before, after) for (before, _), after in zip(real, saved, strict=True)]
        self.changes += stored
        return stored
