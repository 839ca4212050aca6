"""The outputs of jobs are taken from their agents, and replaced by those of newer attempts."""

from __future__ import annotations

from sqlalchemy import Connection

from launcher.errors import ConflictError
from launcher.model.job import Change, Event, Job
from launcher.model.outputs import OutputLimits, OutputReport
from launcher.server.committing import Committing
from launcher.server.control import Control
from launcher.store import outputs
from launcher.units import format_size


class Outputs:
    """Synchronous; called from worker threads."""

    def __init__(self, control: Control, committing: Committing, limits: OutputLimits) -> None:
        self._control, self._committing, self._limits = control, committing, limits

    def take(self, job_id: str, report: OutputReport) -> None:
        """Keep the outputs of one node of the job's newest attempt, whose blobs are all there.

        Raises:
            ConflictError: its attempt is not the job's newest, or blobs are missing.
            SpecError: a path could leave its folder, or there are more than the server keeps.
        """
        with self._committing.turn:
            holdings = self._committing.holdings
            missing = holdings.lacking(job_id, (entry.sha256 for entry in report.files))
            if missing:
                raise ConflictError(f"{len(missing)} of the outputs were not uploaded")
            self._committing.remove_unnamed(self._store(job_id, report))

    def _store(self, job_id: str, report: OutputReport) -> frozenset[str]:
        """Gives the blobs that were replaced."""
        replaced: list[frozenset[str]] = []

        def step(job: Job, tx: Connection) -> Change:
            if job.attempt is None or job.attempt.number != report.attempt:
                raise ConflictError(f"attempt {report.attempt} is over")
            now = self._control.clock()
            done = outputs.store(tx, job_id, report, self._limits, now)
            replaced.append(done.digests)
            return Change(job, tuple(_told(report, done)))

        self._control.change(job_id, step)
        return replaced[0]


def _told(report: OutputReport, done: outputs.Replaced) -> list[Event]:
    if not done.is_news:
        return []
    count = len(report.files)
    text = f"{count:,} output{'s' * (count != 1)} collected ({format_size(report.size)})"
    if report.rank:
        text += f" on the node of rank {report.rank}"
    if done.given_up:
        text += f"; {done.given_up:,} of earlier attempts made room"
    return [Event("outputs", text, report.attempt)]
