"""New jobs: judged one by one, stored together, and acknowledged when they are on the disk."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection

from launcher.errors import LauncherError, SpecError
from launcher.logbook import about
from launcher.model import waiting
from launcher.model.access import OWNER, Caller, Kind
from launcher.model.job import Event, Job
from launcher.model.states import JobState
from launcher.server.access import SUBMITTED
from launcher.server.control import Control, new_job, with_gpus
from launcher.server.dependents import begin_after
from launcher.server.fitting import Fits
from launcher.server.gauge import Gauge
from launcher.server.naming import expect_secrets
from launcher.server.origins import begin_from
from launcher.server.own_orders import judge, with_gpus_of
from launcher.server.quota import Places
from launcher.server.reaching import expect_reach, usable
from launcher.server.showing import Showing
from launcher.spec.array import elements_of
from launcher.spec.jobspec import JobSpec
from launcher.spec.launch import remarks
from launcher.store import arrays, audit, events, jobs, senders
from launcher.store.audit import Entry
from launcher.views import JobView

log = logging.getLogger(__name__)

_DRAWS = 3


@dataclass(frozen=True)
class Wish:
    """A submit. The same key gives the same job again."""

    spec: JobSpec
    """Validated."""
    user: str
    key: str | None = None
    """Idempotency key."""
    code: str = ""
    """sha256 of the packaged workdir, which was uploaded before; empty for none."""
    code_of: str | None = None
    """In place of `code`: a job whose code and interpreter it takes."""
    python: str | None = None
    """Interpreter of the submitter, for a job that names none where it is placed on the embedded
    cluster."""
    hold: bool = False
    """It waits until it is released."""
    asks: Caller = OWNER
    """Who submits, and may name the jobs of some projects only."""
    address: str = ""
    """From where: for the audit, which is written with the job."""


@dataclass(frozen=True)
class Taken:
    """What became of a submit; of an array its first element is shown."""

    job: JobView
    is_new: bool


class Submitting:
    """Synchronous; called from worker threads.

    Args:
        control: the server's.
        gauge: of the disk.
        showing: shows the jobs.
        embedded: this server has a cluster on this machine.
    """

    def __init__(self, control: Control, gauge: Gauge, showing: Showing, *, embedded: bool) -> None:
        self._control, self._gauge, self._showing = control, gauge, showing
        self._embedded = embedded
        self._fits = Fits()

    def take(self, wishes: Sequence[Wish]) -> list[Taken | Exception]:
        """Queue these jobs in one transaction; gives for each what became of it, or its refusal.

        Refused are: SpecError, for the package is missing, or no cluster could ever hold the gang,
        or a name in the spec means nothing, or the quota of its project cannot hold it;
        ConflictError, for as many jobs of its project wait as its quota lets; DiskFullError.
        """
        try:
            found, new = self._store(wishes)
        except Exception as error:
            if len(wishes) == 1:
                return [error]
            # What broke the transaction (a full disk, a bug) may be the fault of one of them.
            return [outcome for wish in wishes for outcome in self.take([wish])]
        if new:
            told = ", ".join(f"{job.id} by {job.user}" for job in new)
            log.info("submitted: %s", told, extra=about(*(job.id for job in new)))
            self._control.queued(new)
        return [self._shown(one) for one in found]

    def _store(self, wishes: Sequence[Wish]) -> tuple[list[_Found], list[Job]]:
        """Of many jobs of a name, two draw the same id now and then: then all draw anew."""
        for _ in range(_DRAWS - 1):
            with contextlib.suppress(jobs.TakenError):
                return self._try_to_store(wishes)
        return self._try_to_store(wishes)

    def _try_to_store(self, wishes: Sequence[Wish]) -> tuple[list[_Found], list[Job]]:
        with self._control.store.begin() as tx:
            keys = [wish.key for wish in wishes if wish.key]
            batch = _Batch(tx, self._control, self._fits, keys)
            found = [self._judged(batch, wish) for wish in wishes]
            batch.store()
        return found, batch.new

    def _judged(self, batch: _Batch, wish: Wish) -> _Found:
        known = batch.known(wish)
        if known is not None:
            return known
        try:
            self._gauge.expect_room("a new job")
            return batch.add(wish, embedded=self._embedded)
        except LauncherError as error:
            return error

    def _shown(self, found: _Found) -> Taken | Exception:
        if isinstance(found, Job):
            return Taken(self._showing.new_job(found), is_new=True)
        if isinstance(found, str):
            return Taken(self._showing.job(found), is_new=False)
        return found


_Found: TypeAlias = Job | str | LauncherError
"""A new job, the id of one that was there, or a refusal."""


class _Batch:
    """The submits of one transaction. What refuses one is found before anything of it is noted."""

    def __init__(self, tx: Connection, control: Control, fits: Fits, keys: Sequence[str]) -> None:
        self._fits = fits
        self._tx, self._control, self._now = tx, control, control.clock()
        self._views = control.floor.prospects()
        self._places = Places(tx)
        self._known = jobs.by_keys(tx, keys)
        self._keys: dict[str, str] = {}
        self._told: list[tuple[str, Event]] = []
        self._entries: list[Entry] = []
        self.new: list[Job] = []
        """With all elements of arrays."""

    def known(self, wish: Wish) -> str | None:
        """The job that was submitted with its key."""
        return self._known.get(wish.key) if wish.key else None

    def add(self, wish: Wish, *, embedded: bool) -> Job:
        """The new job; of an array its first element.

        Raises:
            LauncherError: as `Submitting.take` tells.
        """
        code, python = self._origin(wish)
        at = self._control.books.own.attached.get(wish.spec.cluster)
        reach = self._control.books.reach(wish.spec.project)
        expect_reach(wish.spec, reach)
        spec = with_gpus(wish.spec, with_gpus_of(at) if at else usable(self._views, reach))
        job = new_job(
            spec,
            code=code,
            user=wish.user,
            python=(python or "") if embedded else "",
            now=self._now,
        )
        if wish.hold:
            job = waiting.hold(job, self._now, by=wish.user).job
        shape = judge(job, at)
        misfit = self._fits.look(job.resources, self._views, job.cluster, reach)
        if misfit is not None:
            raise SpecError(misfit.message, hint=misfit.hint)
        if spec.from_job is not None:
            job = begin_from(self._tx, job, spec.from_job, wish.asks.within)
        if spec.after:
            job = begin_after(self._tx, job, spec.after, wish.asks.within)
        expect_secrets(self._tx, job)
        group = elements_of(job, spec.array)
        self._places.take(job, len(group))
        self._note(group, wish, [*remarks(spec), *shape])
        return group[0]

    def store(self) -> None:
        """Write all of them."""
        jobs.insert_all(self._tx, self.new, self._keys)
        arrays.await_others(self._tx, self.new)
        events.append_all(self._tx, self._told, self._now)
        audit.append(self._tx, self._entries)

    def _origin(self, wish: Wish) -> tuple[str, str | None]:
        """The code and the submitter's interpreter: a clone has those of the job it is made of."""
        if wish.code_of is not None:
            named = jobs.find_one(self._tx, wish.code_of, wish.asks.within)
            origin = self._control.get(self._tx, named)
            return self._control.code_of(origin), origin.policy.own_python
        # Here, where nobody deletes it any more: whoever removes code does so in a transaction.
        if wish.code and not (
            self._control.store.blobs.renew(wish.code) and self._may_run(wish.asks, wish.code)
        ):
            raise SpecError("the packaged workdir was not uploaded", hint="submit again")
        return wish.code, wish.python

    def _may_run(self, asks: Caller, code: str) -> bool:
        """A hash that somebody came to know opens no package of others."""
        is_owner = asks.kind is Kind.OWNER
        return is_owner or senders.may_run(self._tx, asks.name, code, asks.within)

    def _note(self, group: Sequence[Job], wish: Wish, texts: Sequence[str]) -> None:
        first = group[0]
        told = [Event("submitted", f"submitted by {wish.user}")]
        told += [Event("held", first.reason)] * (first.state is JobState.HELD)
        told += [Event("remark", text) for text in texts]
        self.new += group
        self._told += [(one.id, event) for one in group for event in told]
        by = wish.user, wish.asks.token
        self._entries.append(
            Entry(self._now, *by, SUBMITTED, first.id, first.project, 201, wish.address)
        )
        if wish.key:
            self._known[wish.key] = first.id
            self._keys[first.id] = wish.key
