"""Sessions of executors, what they shall have on their clusters, and what they report."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection

from launcher import __version__
from launcher.errors import ConflictError, NotFoundError
from launcher.model import lifecycle, versions
from launcher.model.codec import encode
from launcher.model.job import Allocation, AllocationState, Change, Job
from launcher.model.own_cluster import OwnState, is_own
from launcher.model.wire import (
    AllocationReport,
    Hello,
    Report,
    Session,
    WantedAllocation,
    WantedNode,
)
from launcher.server import rules
from launcher.server.agents import Agents
from launcher.server.control import Control
from launcher.server.floor import LIVE_S
from launcher.server.notify import EVERY_CLUSTER, SCHEDULE
from launcher.store import clusters, jobs

log = logging.getLogger(__name__)


class _Entry(NamedTuple):
    """An allocation as its executor is told of it, and what that was made of."""

    job: Job
    allocation: Allocation
    text: bytes
    """What is told, as JSON: put together anew for every answer, encoded once."""
    is_wanted: bool
    """Else it is to be given back."""
    digest: bytes
    """Of what is told."""


class Told(NamedTuple):
    """An answer to an executor."""

    version: str
    text: bytes
    """A `launcher.model.wire.Desired` as JSON."""


class Executors:
    """Synchronous; called from worker threads."""

    def __init__(self, control: Control, agents: Agents) -> None:
        self._control, self._agents = control, agents
        self._told_nodes: dict[str, object] = {}
        self._entries: dict[str, dict[str, _Entry]] = {}
        """By cluster and allocation, as they were told last."""
        self._refused: dict[str, str] = {}

    def open_session(self, hello: Hello) -> Session:
        """Make the caller the one executor of its cluster.

        Raises:
            ConflictError: another session lives, or the executor is of another time.
        """
        self._check_version(hello)
        floor = self._control.floor
        with self._control.store.begin() as tx:
            known = clusters.get(tx, hello.cluster)
            lives = known is not None and floor.silent_s(hello.cluster) < LIVE_S
            if lives and known is not None and hello.replaces != known.fence:
                raise ConflictError(
                    f"an executor on {known.session_host} serves cluster '{hello.cluster}'",
                    hint="stop it, or give this one another --cluster name",
                )
            fence = clusters.open_session(tx, hello, self._control.clock())
        floor.forget(hello.cluster)
        return Session(fence, self._control.store.server_id)

    def _check_version(self, hello: Hello) -> None:
        """Who asks again and again is noted down once, for those who wonder about their cluster."""
        who = f"the executor of cluster '{hello.cluster}' on {hello.host}"
        unfit = versions.misfit(
            hello.wire, f"{who} (launcher {hello.launcher_version})", __version__
        )
        if unfit is None:
            self._refused.pop(hello.cluster, None)
            return
        if self._refused.get(hello.cluster) != str(unfit):
            self._refused[hello.cluster] = str(unfit)
            log.warning("refused: %s", unfit)
        raise ConflictError(unfit.message, hint=unfit.hint)

    def refusal(self, cluster: str) -> str:
        """Why the executor that wants to serve the cluster is not let; mostly nothing."""
        return self._refused.get(cluster, "")

    def desired(self, cluster: str, fence: int) -> Told:
        """All that the cluster shall have, and all that it shall give back."""
        held = self._control.books.held_on(cluster)
        with self._control.store.read() as tx:
            self._check_fence(tx, cluster, fence)
            held += self._brought_back(tx, cluster, {allocation.id for allocation, _ in held})
        known = self._entries.get(cluster, {})
        entries = self._entries[cluster] = {
            allocation.id: self._entry(job, allocation, known.get(allocation.id))
            for allocation, job in held
        }
        wanted, unwanted = (
            b",".join(entry.text for entry in entries.values() if entry.is_wanted is kind)
            for kind in (True, False)
        )
        # That a request waits here proves no life: a dead executor's does too. Its reports do.
        over = self._is_over(cluster, entries)
        asked = self._asked(cluster)
        parts = b"".join(entry.digest for entry in entries.values()) + b"%d%b" % (over, asked)
        version = hashlib.sha256(parts).hexdigest()[:16]
        text = b'{"version":"%b","allocations":[%b],"stop":[%b],"over":%b,"asked":%b}'
        is_over = b"true" if over else b"false"
        return Told(version, text % (version.encode(), wanted, unwanted, is_over, asked))

    def _asked(self, cluster: str) -> bytes:
        """The nodes that its autoscaler shall see to, as JSON."""
        nodes = encode(self._control.books.asked(cluster))
        return json.dumps(nodes, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()

    def _is_over(self, cluster: str, entries: Collection[str]) -> bool:
        """It was one job's own, nobody wants it any more, and all that was held is given back."""
        if not is_own(cluster) or entries:
            return False
        own = next((o for o in self._control.books.own.all() if o.name == cluster), None)
        return own is not None and own.state is not OwnState.WANTED

    def _brought_back(
        self, tx: Connection, cluster: str, known: Collection[str]
    ) -> Iterator[tuple[Allocation, Job]]:
        """What was given back and is there again: an old answer of ours was carried out late.

        Nothing of it is wanted, and nobody else would ever give it back.
        """
        for name in sorted(self._control.floor.held(cluster).difference(known)):
            allocation = jobs.allocation(tx, name)
            if allocation is None or allocation.cluster != cluster:
                continue
            if allocation.state is AllocationState.GONE:
                job = jobs.get(tx, allocation.job_id)
                if job is not None:
                    yield allocation, job

    def take(self, report: Report) -> str:
        """Take an executor's report; gives the receipt that its next one shall carry."""
        floor, now = self._control.floor, self._control.clock()
        with self._control.store.read() as tx:
            self._check_fence(tx, report.cluster, report.fence)
        was_live = floor.is_live(report.cluster)
        floor.heard(report.cluster, report)
        nodes = [(node.node_id, node.total, node.free, node.leaving) for node in report.nodes]
        shape = nodes, report.pools
        if self._told_nodes.get(report.cluster) != shape or not was_live:
            self._told_nodes[report.cluster] = shape
            with self._control.store.begin() as tx:
                clusters.save_nodes(tx, report.cluster, report.fence, report.nodes, now)
            self._control.notifier.notify(SCHEDULE, EVERY_CLUSTER)
        for held in report.allocations:
            if held.state != "orphan" and self._is_of(report.cluster, held.id):
                self._take_allocation(report, held, now)
        return self._agents.receipt()

    def _is_of(self, cluster: str, allocation_id: str) -> bool:
        """An executor speaks for what was placed on its cluster, and for nothing else."""
        known = self._control.books.known(allocation_id.rpartition(".")[0])
        allocation = known.allocation if known else None
        if allocation is None or allocation.id != allocation_id:
            with self._control.store.read() as tx:
                allocation = jobs.allocation(tx, allocation_id)
        return allocation is not None and allocation.cluster == cluster

    def _take_allocation(self, report: Report, held: AllocationReport, now: float) -> None:
        job_id, _, number_text = held.id.rpartition(".")
        number = int(number_text) if number_text.isdecimal() else 0

        def step(job: Job, _: object) -> Change:
            change = Change(job)
            for agent in held.agents:
                change = change.then(
                    self._agents.weigh(change.job, number, agent, report.receipt, now)
                )
            if held.state == "failed":
                failed = lifecycle.allocation_failed(change.job, number, held.reason, now)
                change = change.then(failed)
            elif held.state == "gone":
                change = change.then(rules.given_back(change.job, number, held.agents, now))
            return change

        try:
            known = self._control.books.known(job_id)
            if known is not None:
                self._control.advance(known, lambda job: step(job, None))
            else:
                self._control.change(job_id, step)
        except NotFoundError:
            return  # an allocation of a server before a restored backup: it is left alone
        if held.state == "gone":
            self.release(report.cluster, held.id)

    def release(self, cluster: str, allocation_id: str) -> None:
        """Its resources are back. An allocation that is still the job's is the job's to change."""
        job_id, _, number = allocation_id.rpartition(".")
        self._control.change(job_id, lambda job, _: lifecycle.released(job, int(number)))
        with self._control.store.begin() as tx:
            allocation = jobs.allocation(tx, allocation_id)
            if allocation is not None and allocation.state is AllocationState.STOPPING:
                jobs.save_allocation(tx, replace(allocation, state=AllocationState.GONE))
        self._control.note_given_back(allocation_id)
        self._agents.forget(allocation_id)
        self._control.notifier.notify(SCHEDULE, f"cluster:{cluster}")

    def _entry(self, job: Job, allocation: Allocation, before: _Entry | None) -> _Entry:
        """As it was the last time, if nothing changed since: there may be thousands."""
        if before is not None and before.job is job and before.allocation is allocation:
            return before
        wanted = encode(self._wanted(job, allocation))
        text = json.dumps(wanted, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()
        is_wanted = allocation.state is AllocationState.WANTED
        digest = hashlib.sha256(b"%d%b" % (is_wanted, text)).digest()
        return _Entry(job, allocation, text, is_wanted, digest)

    def _wanted(self, job: Job, allocation: Allocation) -> WantedAllocation:
        per_worker = job.resources.per_worker()
        nodes = tuple(
            WantedNode(
                slot.index,
                slot.node_id,
                slot.ranks,
                {name: amount * slot.workers for name, amount in per_worker.items()},
                slot.address,
                rules.is_over(job, allocation, slot),
            )
            for slot in allocation.slots
        )
        token = self._control.job_token(job.id)
        return WantedAllocation(allocation.id, job.id, token, nodes)

    def _check_fence(self, tx: Connection, cluster: str, fence: int) -> None:
        if clusters.fence(tx, cluster) != fence:
            raise ConflictError(
                f"session {fence} of cluster '{cluster}' is over", hint="open a new session"
            )
