"""The one place of the server that changes jobs: load, let `lifecycle` decide, save, notify."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection

from launcher import names
from launcher.errors import ConflictError, NotFoundError
from launcher.logbook import about
from launcher.model import lifecycle, waiting
from launcher.model.ending import Ending
from launcher.model.job import AllocationState, Change, Event, Job, Policy
from launcher.model.own_cluster import OwnCluster
from launcher.model.states import JobState
from launcher.scheduler.state import ANY, ClusterView, Placement
from launcher.server import rules
from launcher.server.books import Books
from launcher.server.changing import Changing, Step
from launcher.server.dependents import await_again
from launcher.server.floor import EMBEDDED, Floor
from launcher.server.monitoring import Monitor
from launcher.server.notify import (
    EVERY_JOB,
    OUTBOX,
    OWN_CLUSTERS,
    SCHEDULE,
    Notifier,
    cluster_topic,
    job_of_topic,
    job_topic,
)
from launcher.server.origins import resumes_from
from launcher.spec.jobspec import JobSpec
from launcher.spec.launch import decide_gpus, resources_of
from launcher.spec.start import earliest
from launcher.store import Store, jobs, own_clusters

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
        monitor: counts what becomes of jobs.
    """

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        floor: Floor,
        clock: Callable[[], float] = time.time,
        outbox: Callable[[Connection, Job, Job, float], bool] = lambda *_: False,
        *,
        monitor: Monitor | None = None,
    ) -> None:
        self.monitor = monitor or Monitor()
        self._outbox = outbox
        self.store, self.notifier, self.floor, self.clock = store, notifier, floor, clock
        self.books = Books(store, floor)
        self.own_words: Callable[[Job], str] = lambda _: ""
        """Why a job waits that has a cluster of its own, which is not up yet."""
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
            log.info("%s: %s", job_id, event.text, extra=about(job_id, attempt=event.attempt))
        for past in changing.past:
            self.books.set_past(past)
        for before, after in changing.changes:
            self.monitor.changed(before, after)
        self._tell(changing.saved.values())
        if changing.wrote_message:
            self.notifier.notify(OUTBOX)

    def advance(self, job: Job, step: Callable[[Job], Change]) -> None:
        """`change` of a job that was read before, unless the step would leave it as it is.

        So a look at all jobs costs one transaction, not one for each.
        """
        change = step(job)
        if change.job != job or change.events:
            self.change(job.id, lambda job, _: step(job))

    def _tell(self, saved: Collection[Job]) -> None:
        topics = {SCHEDULE} if saved else set()
        for job in saved:
            self.books.saw(job)
            topics.add(job_topic(job.id))
            if job.allocation is not None:
                topics.add(cluster_topic(job.allocation.cluster))
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

    def queued(self, new: Iterable[Job]) -> None:
        """New jobs were stored beside `change`."""
        for job in new:
            self.books.saw(job)
            self.monitor.submitted(job)
        self.notifier.notify(SCHEDULE, EVERY_JOB)

    def code_of(self, job: Job) -> str:
        """sha256 of its packaged workdir; empty for none.

        Raises:
            ConflictError: it is gone.
        """
        if job.code and not self.store.blobs.renew(job.code):
            raise ConflictError(
                f"the code of job '{job.id}' was removed by retention",
                hint=f"submit it again from its folder; launcher show {job.id} tells when it went",
            )
        return job.code

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

    def resolve(self, text: str, within: jobs.Within = None) -> str:
        """Id of the one job that the text can mean: an id, or a beginning of it or its random part.

        Args:
            text: what somebody wrote.
            within: projects whose jobs can be meant; None: all.

        Raises:
            NotFoundError: no job; ConflictError: several.
        """
        with self.store.read() as tx:
            return jobs.find_one(tx, text, within)

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
        """Carry out placements, but of jobs that moved on meanwhile.

        On Kubernetes a place is only where the job's own cluster is made: its attempt is granted
        there once that is up.
        """
        now = self.clock()
        admitted: list[OwnCluster] = []
        with self.changing() as changing:
            changing.take_all(
                {
                    one.job_id: partial(_admit, one, admitted, now)
                    if self.books.own.attached.get(one.cluster)
                    else partial(_place, one, now)
                    for one in placements
                }
            )
        for own in admitted:
            self.books.set_own(own)
        if admitted:
            self.notifier.notify(OWN_CLUSTERS)

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
        return self.change(job_id, lambda job, _: lifecycle.preempt(job, now, by=by))

    def grow(self, job_id: str, workers: int) -> Job:
        """Let an elastic job save and stop, so that it goes on with more workers."""
        now = self.clock()

        def step(job: Job, _: Connection) -> Change:
            if job.state is not JobState.RUNNING:
                return Change(job)
            change = lifecycle.stop(job, Ending.RESIZED, now)
            number, has = job.attempt.number if job.attempt else None, job.gang.workers
            text = f"grows from {has} to {workers} of {job.resources.workers} workers"
            told = (Event("resized", text, number),) if change.events else ()
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
        why = self.own_words(job) or self.books.why(job.id, now)
        return waiting.obstacle(job, now) or why or job.reason


def with_gpus(spec: JobSpec, views: Iterable[ClusterView]) -> JobSpec:
    """The spec of a new job with its GPUs decided; `views`: the clusters by which it is judged."""
    views = tuple(views)
    nodes = (node.total for view in views for node in view.nodes)
    pools = (pool.resources for view in views for pool in view.pools.pools)
    has_gpus = any(has.get("GPU") for has in (*nodes, *pools))
    return decide_gpus(spec, cluster_has_gpus=has_gpus)


def _admit(
    placement: Placement, admitted: list[OwnCluster], now: float, job: Job, tx: Connection
) -> Change:
    """It is its turn on Kubernetes: a cluster of its own shall be made."""
    if not job.is_eligible:
        return Change(job)
    number = own_clusters.last_number(tx, job.id) + 1
    own = OwnCluster(job.id, number, placement.cluster, since=now)
    own_clusters.put(tx, own)
    admitted.append(own)
    text = f"its turn on cluster {own.cluster}: RayJob {own.rayjob} is made for it"
    return Change(job, (Event("admitted", text),))


def _place(placement: Placement, now: float, job: Job, tx: Connection) -> Change:
    if not job.is_eligible:
        return Change(job)
    where = placement.cluster, placement.workers_by_node
    return lifecycle.place(job, *where, now, resumes_from(tx, job))


def new_job(spec: JobSpec, *, code: str, user: str, python: str, now: float) -> Job:
    """A queued job of a spec whose GPUs are decided. `python`: the submitter's; empty: none."""
    may_stay_here = spec.cluster in {ANY, EMBEDDED} and spec.python.interpreter is None
    limits = spec.timeouts
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
        resources=resources_of(spec),
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
            resize_every_s=spec.resize_every,
        ),
        submitted_at=now,
        queued_at=max(now, not_before),
        not_before=not_before,
        kept_back_s=max(0.0, not_before - now),
        user=user,
    )
