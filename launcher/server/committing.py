"""A checkpoint is committed whole or not at all, and blobs that nothing refers to go."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from sqlalchemy import Connection

from launcher.errors import ConflictError
from launcher.model.checkpoint import Manifest
from launcher.model.job import Change, Event, Job
from launcher.model.wire import CheckpointRef
from launcher.server.control import Control
from launcher.server.holdings import Holdings
from launcher.store import checkpoints, jobs, named, watched
from launcher.store.checkpoints import StoredCheckpoint
from launcher.units import format_size


class Committing:
    """Synchronous; called from worker threads.

    Commits and deletions take turns: between the look whether a blob is there and the row that
    refers to it, nobody may delete it.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self.turn = threading.Lock()
        self.holdings = Holdings(control.store)

    def commit(self, job_id: str, manifest: Manifest) -> CheckpointRef | None:
        """Commit a checkpoint whose blobs are all there; None while parts of it are missing.

        Raises:
            ConflictError: its attempt is not the job's newest, or blobs are missing.
        """
        with self.turn:
            missing = self.holdings.lacking(job_id, (entry.sha256 for entry in manifest.files))
            if missing:
                raise ConflictError(f"{len(missing)} of its files were not uploaded")
            committed, pruned = self._store(job_id, manifest)
            # A part's own files too: those of which another node has its own are in no checkpoint.
            part = [manifest] if manifest.watched is not None else []
            given_up = [*(stored.manifest for stored in pruned), *part]
            self.remove_unnamed(entry.sha256 for one in given_up for entry in one.files)
        return committed

    def _store(
        self, job_id: str, manifest: Manifest
    ) -> tuple[CheckpointRef | None, list[StoredCheckpoint]]:
        committed: list[StoredCheckpoint] = []
        pruned: list[StoredCheckpoint] = []

        def step(job: Job, tx: Connection) -> Change:
            if not _is_newest(job, manifest):
                text = f"checkpoint of step {manifest.step} refused: its attempt is over"
                return Change(job, (Event("checkpoint-refused", text, manifest.attempt),))
            known = {stored.id for stored in checkpoints.list_(tx, job_id)}
            stored = self._add(tx, job, manifest)
            if stored is None:
                return Change(job)
            committed.append(stored)
            pruned.extend(_prune(tx, job))
            if not known and job.from_checkpoint is not None:
                pruned.extend(_let_go(tx, job.from_checkpoint))
            if stored.id in known:
                return Change(job)
            what = ", watched files" if stored.manifest.watched is not None else ""
            size = format_size(stored.size)
            text = f"checkpoint of step {stored.step} committed ({size}{what})"
            return Change(job, (Event("checkpoint", text, manifest.attempt),))

        if not _is_newest(self._control.change(job_id, step), manifest):
            raise ConflictError(f"attempt {manifest.attempt} is over")
        found = CheckpointRef(committed[0].id, committed[0].step) if committed else None
        return found, pruned

    def _add(self, tx: Connection, job: Job, manifest: Manifest) -> StoredCheckpoint | None:
        now = self._control.clock()
        if manifest.watched is not None:
            nodes = len(job.allocation.slots) if job.allocation else 1
            return watched.commit(
                tx, job.id, manifest, nodes=nodes, now=now, origin=watched.origin(tx, job)
            )
        if not manifest.sharded:
            return checkpoints.commit(tx, job.id, manifest, now)
        world = sum(slot.ranks for slot in job.allocation.slots) if job.allocation else 1
        return checkpoints.add_part(tx, job.id, manifest, world, now)

    def remove_unnamed(self, given_up: Iterable[str]) -> None:
        """Delete those of the blobs that nothing names any more; only in `turn`."""
        digests = set(given_up)
        if not digests:
            return
        # A transaction that writes: while it lasts, no new row can come to name one of them.
        with self._control.store.begin() as tx:
            for digest in digests - named.among(tx, digests):
                self._control.store.blobs.delete(digest)


def _let_go(tx: Connection, checkpoint_id: int) -> list[StoredCheckpoint]:
    """The job that began from this checkpoint has its own: the retention of its origin goes on."""
    held = checkpoints.of_any_job(tx, checkpoint_id)
    origin = jobs.get(tx, held.job_id) if held else None
    return _prune(tx, origin) if origin else []


def _prune(tx: Connection, job: Job) -> list[StoredCheckpoint]:
    return checkpoints.prune(tx, job.id, job.policy.keep_last, job.policy.keep_best)


def _is_newest(job: Job, manifest: Manifest) -> bool:
    return job.attempt is not None and job.attempt.number == manifest.attempt
