"""The one place of the server that changes jobs: load, let `lifecycle` decide, save, notify."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection

from launcher import names
from launcher.errors import ConflictError, NotFoundError, SpecError
from launcher.model import lifecycle, waiting
from launcher.model.ending import Ending
from launcher.model.job import AllocationState, Change, Event, Job, Policy, Resources
from launcher.model.states import JobState
from launcher.scheduler.fits import never_fits
from launcher.scheduler.state import ANY, ClusterView, Placement
from launcher.server import rules
from launcher.server.books import Books
from launcher.server.changing import Changing, Step
from launcher.server.dependents import await_again, begin_after
from launcher.server.floor import EMBEDDED, Floor
from launcher.server.naming import expect_secrets
from launcher.server.notify import (
    OUTBOX,
    SCHEDULE,
    Notifier,
    cluster_topic,
    job_of_topic,
    job_topic,
)
from launcher.server.origins import begin_from, resumes_from
from launcher.server.quota import expect_quota
from launcher.spec.array import elements_of
from launcher.spec.jobspec import JobSpec
from launcher.spec.launch import decide_gpus, remarks
from launcher.spec.start import earliest
from launcher.store import Store, arrays, events, jobs

log = logging.getLogger(__name__)


class Control:
    """Synchronous; called from worker threads.

    Args:
        store: the server's.
        notifier: wakes those who wait for changes.
        floor: what the clusters report.
        clock: seconds since the epoch.
        outbox: called in the transaction of a change with the job before and after it; True when
            it wrote a message to receivers outside.
    """

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        floor: Floor,
        clock: Callable[[], float] = time.time,
        outbox: Callable[[Connection, Job, Job, float], bool] = lambda *_: False,
    ) -> None:
        self._outbox = outbox
        self.store, self.notifier, self.floor, self.clock = store, notifier, floor, clock
        self.books = Books(store, floor)
        self._told: dict[str, str] = {}

    # --- changing --------------------------------------------------------------------------------

    def change(self, job_id: str, step: Step) -> Job:
        """Let `step` decide on the stored job, and store what it decided.

        Raises:
            NotFoundError: there is no such job.
        """
        with self.changing() as changing:
            return changing.take(job_id, step)

    @contextmanager
    def changing(self) -> Iterator[Changing]:
        """Changes of several jobs in one transaction; who waits for them is told at its end."""
        with self.store.begin() as tx:
            changing = Changing(tx, self.get, self._outbox, self.clock())
            yield changing
        for job_id, event in changing.told:
            log.info("%s: %s", job_id, event.text)
        for past in changing.past:
            self.books.set_past(past)
        for saved in changing.saved.values():
            self._tell(saved)
        if changing.wrote_message:
            self.notifier.notify(OUTBOX)

    def advance(self, job: Job, step: Callable[[Job], Change]) -> None:
        """`change` of a job that was read before, unless the step would leave it as it is.

        So a look at all jobs costs one transaction, not one for each.
        """
        change = step(job)
        if change.job != job or change.events:
            self.change(job.id, lambda job, _: step(job))

    def _tell(self, job: Job) -> None:
        self.books.saw(job)
        topics = [job_topic(job.id), SCHEDULE]
        if job.allocation is not None:
            topics.append(cluster_topic(job.allocation.cluster))
        self.notifier.notify(*topics)

    def note_given_back(self, allocation_id: str) -> None:
        """An allocation was stored beside `change`, as its resources came back."""
        with self.store.read() as tx:
            allocation = jobs.allocation(tx, allocation_id)
            job = jobs.get(tx, allocation_id.rpartition(".")[0])
        if job is not None:
            self.books.saw(job)
        if allocation is None or allocation.state is AllocationState.GONE:
            self.books.released(allocation_id)

    def get(self, tx: Connection, job_id: str) -> Job:
        """The stored job.

        Raises:
            NotFoundError: there is none of that id.
        """
        job = jobs.get(tx, job_id)
        if job is None:
            raise NotFoundError(f"no job '{job_id}'", hint="`launcher list` shows all jobs")
        return job

    # --- what people want ------------------------------------------------------------------------

    def submit(
        self,
        spec: JobSpec,
        *,
        code: str,
        user: str,
        key: str | None,
        python: str | None,
        hold: bool = False,
    ) -> tuple[Job, bool]:
        """Queue a job; gives it and whether it is new. The same key gives the same job again.

        Of an array all elements are queued, and the first one is given.

        Args:
            spec: validated.
            code: sha256 of the packaged workdir, which was uploaded before; empty for none.
            user: who submits.
            key: idempotency key.
            python: interpreter of the submitter, for a job that names none where it is placed on
                the embedded cluster.
            hold: it waits until it is released.

        Raises:
            SpecError: the package is missing, or no cluster could ever hold the gang, or its
                project's quota cannot.
            ConflictError: as many jobs of its project wait as its quota lets.
        """
        now = self.clock()
        with self.store.read() as tx:
            known = jobs.by_key(tx, key) if key else None
            views = self.floor.prospects(tx)
            if known:
                return self.get(tx, known), False
        self._expect_code(code)
        spec = with_gpus(spec, views)
        job = new_job(spec, code=code, user=user, python=python or "", now=now)
        if hold:
            job = waiting.hold(job, now, by=user).job
        misfit = never_fits(job.resources, views, job.cluster)
        if misfit is not None:
            raise SpecError(misfit.message, hint=misfit.hint)
        with self.store.begin() as tx:
            known = jobs.by_key(tx, key) if key else None
            if known:  # the same request, sent again while the first one was being answered
                return self.get(tx, known), False
            self._expect_code(code)  # once more: now nobody deletes it any more
            if spec.from_job is not None:
                job = begin_from(tx, job, spec.from_job)
            if spec.after:
                job = begin_after(tx, job, spec.after)
            expect_secrets(tx, job)
            group = elements_of(job, spec.array)
            expect_quota(tx, job, len(group))
            told = [Event("submitted", f"submitted by {user}")]
            told += [Event("held", job.reason)] * (job.state is JobState.HELD)
            told += [Event("remark", text) for text in remarks(spec)]
            jobs.insert_all(tx, group, key)
            arrays.await_others(tx, group)
            events.append_to_all(tx, [one.id for one in group], told, now)
        log.info("%s: submitted by %s", group[0].array_id or job.id, user)
        for one in group:
            self._tell(one)
        return group[0], True

    def code_of(self, job: Job) -> str:
        """sha256 of its packaged workdir; empty for none.

        Raises:
            ConflictError: it is gone.
        """
        if job.code and not self.store.blobs.has(job.code):
            raise ConflictError(
                f"the code of job '{job.id}' was removed by retention",
                hint=f"submit it again from its folder; launcher show {job.id} tells when it went",
            )
        return job.code

    def knows(self, key: str | None) -> bool:
        """Whether a job was submitted with this idempotency key."""
        if not key:
            return False
        with self.store.read() as tx:
            return jobs.by_key(tx, key) is not None

    def _expect_code(self, code: str) -> None:
        if code and not self.store.blobs.has(code):
            raise SpecError("the packaged workdir was not uploaded", hint="submit again")

    def cancel(self, job_id: str, *, by: str, force: bool) -> Job:
        now = self.clock()
        return self.change(job_id, lambda job, _: lifecycle.cancel(job, now, by=by, force=force))

    def retry(self, job_id: str, *, by: str) -> Job:
        """Queue an ended job again; it resumes from its newest checkpoint.

        Raises:
            ConflictError: it has not ended, or it succeeded.
        """
        now = self.clock()

        def step(job: Job, tx: Connection) -> Change:
            self.code_of(job)
            try:
                change = lifecycle.retry(job, now, by=by)
                return Change(await_again(tx, change.job), change.events)
            except lifecycle.IllegalTransitionError as error:
                raise ConflictError(
                    f"job '{job.id}' is {job.state}: only a failed or cancelled one is retried",
                    hint=f"submit its spec again, or see `launcher show {job.id}`",
                ) from error

        return self.change(job_id, step)

    def declare_lost(self, job_id: str, *, by: str) -> Job:
        """A person's word that nothing of the job runs any more: closes its silent slots."""
        now = self.clock()

        def step(job: Job, _: Connection) -> Change:
            allocation = job.allocation
            if allocation is None or job.attempt is None or job.attempt.is_over:
                raise ConflictError(f"job '{job.id}' has no running attempt")
            attempt = job.attempt.number
            open_slots = [slot.index for slot in allocation.slots if not slot.has_ended(attempt)]
            proof = f"declared lost by {by}"
            return rules.close_slots(job, open_slots, now, proof=proof, lost=Ending.CLUSTER_LOST)

        return self.change(job_id, step)

    def resolve(self, text: str) -> str:
        """Id of the one job that the text can mean: an id, or a beginning of it or its random part.

        Raises:
            NotFoundError: no job; ConflictError: several.
        """
        with self.store.read() as tx:
            return jobs.find_one(tx, text)

    # --- tokens ----------------------------------------------------------------------------------

    def job_token(self, job_id: str) -> str:
        """Opens one job to its agents. Derived, so that nothing secret is stored."""
        digest = hmac.new(self.store.secret, f"job:{job_id}".encode(), hashlib.sha256)
        return f"{job_id}.{digest.hexdigest()}"

    def job_of_token(self, token: str) -> str | None:
        """The job that a token opens; None when it is no valid job token."""
        job_id, _, _ = token.rpartition(".")
        is_valid = hmac.compare_digest(self.job_token(job_id).encode(), token.encode())
        return job_id if job_id and is_valid else None

    # --- the scheduler's hand --------------------------------------------------------------------

    def grant(self, placements: Sequence[Placement]) -> None:
        """Carry out placements, but of jobs that moved on meanwhile."""
        now = self.clock()
        with self.changing() as changing:
            for placement in placements:
                with suppress(NotFoundError):  # removed meanwhile
                    changing.take(placement.job_id, partial(_place, placement, now))

    def grant_in_place(self, job_id: str) -> Job:
        now = self.clock()

        def step(job: Job, tx: Connection) -> Change:
            if not lifecycle.wants_grant(job, now):
                return Change(job)
            return lifecycle.grant_in_place(job, now, resumes_from(tx, job))

        return self.change(job_id, step)

    def preempt(self, job_id: str, *, by: str) -> Job:
        """Let a running job save and stop, so that another one finds a place."""
        now = self.clock()

        def step(job: Job, _: Connection) -> Change:
            change = lifecycle.stop(job, Ending.PREEMPTED, now)
            number = job.attempt.number if job.attempt else None
            told = (Event("preempted", f"makes room for {by}", number),) if change.events else ()
            return Change(change.job, told + change.events)

        return self.change(job_id, step)

    def tell_reasons(self) -> None:
        """Wake those who look at a job that waits, if it waits for another reason now."""
        watched = [job_id for topic in self.notifier.topics() if (job_id := job_of_topic(topic))]
        told = self.books.reasons(watched, self.clock())
        changed = [job_id for job_id, text in told.items() if self._told.get(job_id) != text]
        self._told = told
        self.notifier.notify(*map(job_topic, changed))

    def reason(self, job: Job) -> str:
        """Why the job waits, or the words of its last ending."""
        if job.state is not JobState.QUEUED:
            return job.reason
        now = self.clock()
        return waiting.obstacle(job, now) or self.books.why(job.id, now) or job.reason


def with_gpus(spec: JobSpec, views: Iterable[ClusterView]) -> JobSpec:
    """The spec of a new job with its GPUs decided; `views`: the clusters by which it is judged."""
    has_gpus = any(node.total.get("GPU") for view in views for node in view.nodes)
    return decide_gpus(spec, cluster_has_gpus=has_gpus)


def _place(placement: Placement, now: float, job: Job, tx: Connection) -> Change:
    if not job.is_eligible:
        return Change(job)
    where = placement.cluster, placement.workers_by_node
    return lifecycle.place(job, *where, now, resumes_from(tx, job))


def new_job(spec: JobSpec, *, code: str, user: str, python: str, now: float) -> Job:
    """A queued job of a spec whose GPUs are decided. `python`: the submitter's; empty: none."""
    may_stay_here = spec.cluster in {ANY, EMBEDDED} and spec.python.interpreter is None
    wanted, limits = spec.resources, spec.timeouts
    dump: dict[str, Any] = spec.model_dump(mode="json")
    not_before = earliest(spec.not_before, now)
    name = spec.name or "job"
    return Job(
        id=names.new_job_id(name),
        name=name,
        project=spec.project,
        priority=spec.priority,
        cluster=spec.cluster,
        spec=dump,
        code=code,
        resources=Resources(
            workers=wanted.workers,
            cpus_per_worker=wanted.cpus_per_worker,
            gpus_per_worker=wanted.gpus_per_worker or 0,
            memory_per_worker=wanted.memory_per_worker or 0,
            custom=dict(wanted.custom),
            labels=dict(wanted.labels),
            accelerator=wanted.accelerator,
            placement="single_node" if spec.is_one_process else wanted.placement,
            nodes=wanted.nodes,
            workers_per_node=wanted.workers_per_node,
            uneven=wanted.uneven,
            replicas_per_rank=spec.replicas_per_rank,
        ),
        policy=Policy(
            max_retries=spec.retries.max,
            backoff_s=spec.retries.backoff,
            run_timeout_s=limits.run,
            start_timeout_s=limits.start,
            queue_timeout_s=limits.queue,
            grace_s=limits.grace,
            keep_last=spec.checkpoints.keep_last,
            keep_best=spec.checkpoints.keep_best.rule,
            sets_up=spec.python.requirements is not None,
            own_python=python if may_stay_here else "",
            preemptible=spec.preemptible,
        ),
        submitted_at=now,
        queued_at=max(now, not_before),
        not_before=not_before,
        kept_back_s=max(0.0, not_before - now),
        user=user,
    )
