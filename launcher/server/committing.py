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
from launcher.store import checkpoints
from launcher.store.checkpoints import StoredCheckpoint
from launcher.units import format_size


class Committing:
    """Synchronous; called from worker threads.

    Commits and deletions take turns: between the look whether a blob is there and the row that
    refers to it, nobody may delete it.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._turn = threading.Lock()

    def commit(self, job_id: str, manifest: Manifest) -> CheckpointRef | None:
        """Commit a checkpoint whose blobs are all there; None while parts of it are missing.

        Raises:
            ConflictError: its attempt is not the job's newest, or blobs are missing.
        """
        with self._turn:
            missing = self._control.store.blobs.missing([entry.sha256 for entry in manifest.files])
            if missing:
                raise ConflictError(f"{len(missing)} of its files were not uploaded")
            committed, pruned = self._store(job_id, manifest)
            self._collect_garbage(pruned)
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
            pruned.extend(checkpoints.prune(tx, job_id, job.policy.keep_last))
            if stored.id in known:
                return Change(job)
            text = f"checkpoint of step {stored.step} committed ({format_size(stored.size)})"
            return Change(job, (Event("checkpoint", text, manifest.attempt),))

        if not _is_newest(self._control.change(job_id, step), manifest):
            raise ConflictError(f"attempt {manifest.attempt} is over")
        found = CheckpointRef(committed[0].id, committed[0].step) if committed else None
        return found, pruned

    def _add(self, tx: Connection, job: Job, manifest: Manifest) -> StoredCheckpoint | None:
        now = self._control.clock()
        if not manifest.sharded:
            return checkpoints.commit(tx, job.id, manifest, now)
        world = sum(slot.ranks for slot in job.allocation.slots) if job.allocation else 1
        return checkpoints.add_part(tx, job.id, manifest, world, now)

    def _collect_garbage(self, pruned: Iterable[StoredCheckpoint]) -> None:
        digests = {entry.sha256 for stored in pruned for entry in stored.manifest.files}
        if not digests:
            return
        with self._control.store.read() as tx:
            digests -= checkpoints.referenced(tx)
        for digest in digests:
            self._control.store.blobs.delete(digest)


def _is_newest(job: Job, manifest: Manifest) -> bool:
    return job.attempt is not None and job.attempt.number == manifest.attempt
