"""Ended jobs are removed, one by one or by their age: rows first, then what only they named."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence

from sqlalchemy import Connection

from launcher import views
from launcher.errors import ConflictError
from launcher.logbook import about
from launcher.model.job import Job
from launcher.model.states import TERMINAL, JobState
from launcher.server.committing import Committing
from launcher.server.control import Control
from launcher.server.notify import job_topic
from launcher.store import named, removal
from launcher.store.removal import AT_ONCE, Removal

log = logging.getLogger(__name__)

_LOST_S = 60.0
"""A cluster that was silent for longer gives nothing back soon, and keeps no job from going."""


class _OnlyAskedError(Exception):
    """Rolls a transaction back that was only to tell what it would do."""


def _roll_back_if(wanted: bool) -> None:
    if wanted:
        raise _OnlyAskedError


class Removing:
    """Synchronous; called from worker threads."""

    def __init__(self, control: Control, committing: Committing) -> None:
        self._control, self._committing = control, committing

    def remove(self, job_ids: Sequence[str], *, dry_run: bool = False) -> views.Removal:
        """Removes these jobs, or only tells what would go.

        Raises:
            NotFoundError: there is no such job.
            ConflictError: one has not ended, or is still needed; nothing was removed.
        """
        with self._committing.turn:
            return self._remove(job_ids, dry_run=dry_run)

    def prune(
        self,
        older_than_s: float,
        *,
        project: str | None = None,
        states: Sequence[JobState] = (),
        dry_run: bool = False,
    ) -> views.Removal:
        """Removes the jobs that ended so long ago; those that are still needed stay.

        Args:
            older_than_s: seconds since their end.
            project: only jobs of this one.
            states: only jobs that ended so; default: however.
            dry_run: only tell what would go.
        """
        moment = self._control.clock() - older_than_s
        with self._control.store.read() as tx:
            found = removal.ended_before(tx, moment, project, states or TERMINAL)
            reasons = {job_id: self._obstacle(tx, job_id, found) for job_id in found}
        free = [job_id for job_id, reason in reasons.items() if not reason]
        removed: list[views.RemovedJob] = []
        freed = 0
        for start in range(0, len(free), AT_ONCE):
            part = self.remove(free[start : start + AT_ONCE], dry_run=dry_run)
            removed += part.jobs
            freed += part.freed
        kept = [views.KeptJob(job_id, reason) for job_id, reason in reasons.items() if reason]
        return views.Removal(tuple(removed), freed, tuple(kept))

    def finish_pending(self) -> None:
        """Finishes what a server that was killed had begun."""
        for begun in self._control.store.removals.pending():
            with self._committing.turn, self._control.store.read() as tx:
                survivors = removal.surviving(tx, begun.job_ids)
            if survivors:  # killed before the rows went: all of them are there
                begun.done()
                continue
            ids = begun.job_ids
            log.info("finishing the removal of %s", ", ".join(ids), extra=about(*ids))
            with self._committing.turn:
                self._clear(begun)

    def _remove(self, job_ids: Sequence[str], *, dry_run: bool) -> views.Removal:
        done: list[tuple[views.Removal, Removal]] = []
        with contextlib.suppress(_OnlyAskedError), self._control.store.begin() as tx:
            done.append(self._delete(tx, job_ids))
            _roll_back_if(dry_run)
        told, begun = done[0]
        if dry_run:
            begun.done()
            return told
        log.info("removed %s", ", ".join(job_ids), extra=about(*job_ids))
        self._control.books.removed(job_ids)
        self._clear(begun)
        self._control.notifier.notify(*(job_topic(job_id) for job_id in job_ids))
        return told

    def _delete(self, tx: Connection, job_ids: Sequence[str]) -> tuple[views.Removal, Removal]:
        """Deletes the rows; the note of what is left to do outlives a commit that fails.

        It does no harm to jobs that are there then.
        """
        jobs = [self._control.get(tx, job_id) for job_id in job_ids]
        self._check(tx, jobs)
        digests = removal.blobs_of(tx, job_ids)
        shown = self._shown(tx, jobs)
        removal.delete_rows(tx, job_ids)
        told = views.Removal(shown, self._freed(tx, shown, digests))
        return told, self._control.store.removals.begin(job_ids, digests)

    def _clear(self, begun: Removal) -> None:
        """What follows the rows. Each step may be done again."""
        store = self._control.store
        store.metrics.forget(begun.job_ids)
        store.samples.forget(begun.job_ids)
        for job_id in begun.job_ids:
            store.logs.forget(job_id)
        self._committing.remove_unnamed(begun.digests)
        begun.done()

    def _check(self, tx: Connection, jobs: Sequence[Job]) -> None:
        together = [job.id for job in jobs]
        for job in jobs:
            if not job.state.is_terminal:
                raise ConflictError(
                    f"job '{job.id}' is {job.state}: only ended jobs are removed",
                    hint=f"launcher cancel {job.id} ends it",
                )
            obstacle = self._obstacle(tx, job.id, together)
            if obstacle:
                raise ConflictError(f"job '{job.id}' stays: {obstacle}")

    def _obstacle(self, tx: Connection, job_id: str, together: Sequence[str]) -> str:
        """Why an ended job cannot go yet; empty when it can."""
        heirs = [heir for heir in removal.heirs(tx, job_id) if heir not in together]
        if heirs:
            return f"{', '.join(heirs[:3])} begins from its checkpoint; remove that before"
        for cluster in removal.clusters_holding(tx, job_id):
            if self._control.floor.silent_s(cluster) < _LOST_S:
                return f"cluster '{cluster}' is giving its resources back; try again in a moment"
        return ""

    def _shown(self, tx: Connection, jobs: Sequence[Job]) -> tuple[views.RemovedJob, ...]:
        ids = [job.id for job in jobs]
        with self._control.store.read_points() as points:
            kept = removal.sizes(tx, points, ids)
        codes = {code: self._size(code) for code in {job.code for job in jobs}}
        return tuple(
            views.RemovedJob(
                id=job.id,
                state=job.state.value,
                project=job.project,
                ended_at=job.ended_at,
                logs=kept[job.id].logs,
                points=kept[job.id].points,
                checkpoints=kept[job.id].checkpoints,
                outputs=kept[job.id].outputs,
                code=codes[job.code],
                size=kept[job.id].total + codes[job.code],
            )
            for job in jobs
        )

    def _freed(self, tx: Connection, shown: Sequence[views.RemovedJob], digests: set[str]) -> int:
        """Bytes that the disk gets back, once the rows are gone: blobs that others name stay."""
        own = sum(job.logs + job.points for job in shown)
        return own + sum(map(self._size, digests - named.among(tx, digests)))

    def _size(self, digest: str) -> int:
        """Bytes of a blob; 0 for one that is not there."""
        blobs = self._control.store.blobs
        return blobs.size(digest) if digest and blobs.has(digest) else 0
