"""Committed checkpoints, and their files brought here."""

from __future__ import annotations

from pathlib import Path

from launcher.api.caller import Caller, Ref, name_of
from launcher.errors import NotFoundError
from launcher.views import CheckpointList, CheckpointView, view


class Checkpoints(Caller):
    def checkpoints(self, ref: Ref) -> list[CheckpointView]:
        """Committed ones, oldest first."""
        data = self._get(f"{self._path(ref)}/checkpoints")
        found = [view(CheckpointView, item) for item in data["checkpoints"]]
        return CheckpointList(sorted(found, key=lambda checkpoint: checkpoint.id))

    def download_checkpoint(
        self,
        ref: Ref,
        target: Path,
        *,
        id: int | None = None,  # noqa: A002 - the API's word
    ) -> CheckpointView:
        """Brings a checkpoint here, verified by hash; the folder appears when it is whole.

        Args:
            ref: the job.
            target: folder to make; must not exist, or be empty.
            id: which one. Default: the newest.

        Raises:
            NotFoundError: no such checkpoint.
            ConflictError: there is something at `target`.
        """
        from launcher.download import download_files

        found = self._checkpoint(ref, id)
        base = f"{self._path(ref)}/checkpoints/{found.id}/files"
        download_files(self._connection, base, found.files, target)
        return found

    def _checkpoint(self, ref: Ref, wanted: int | None) -> CheckpointView:
        kept = self.checkpoints(ref)
        if not kept:
            raise NotFoundError(
                f"job {name_of(ref)} has no committed checkpoint",
                hint="launcher.checkpoint(step) in the program saves one",
            )
        if wanted is None:
            return kept[-1]
        for checkpoint in kept:
            if checkpoint.id == wanted:
                return checkpoint
        ids = ", ".join(str(checkpoint.id) for checkpoint in kept)
        raise NotFoundError(f"job {name_of(ref)} has no checkpoint {wanted}", hint=f"it has {ids}")
