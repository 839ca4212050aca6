"""The files that a job left, brought here."""

from __future__ import annotations

from pathlib import Path

from launcher.api.caller import Ref
from launcher.api.jobs import Jobs
from launcher.model.globs import matches


class Outputs(Jobs):
    def download(self, ref: Ref, target: Path | str, *patterns: str) -> list[Path]:
        """Brings outputs of a job into a folder, verified by hash; gives where they lie.

        Those that are there already are left as they are.

        Args:
            ref: the job.
            target: the folder; made if need be.
            patterns: only those whose path matches one, as `plots/*.png`. Default: all.

        Raises:
            ConflictError: another file of that name is there.
        """
        files, found = self.files(ref), []
        for output in files.outputs():
            if not patterns or any(matches(pattern, output.path) for pattern in patterns):
                file = Path(target) / output.place
                files.get_output(output, file)
                found.append(file)
        return found
