"""What goes with jobs that are removed, as a table."""

from __future__ import annotations

import time
from collections.abc import Sequence

from launcher.cli import _output, _words
from launcher.units import format_size
from launcher.views import RemovedJob

_HEADINGS = ["JOB", "STATE", "ENDED", "SIZE", "OF WHICH"]


def print_jobs(jobs: Sequence[RemovedJob], *, err: bool = False) -> None:
    """One line a job; on stderr where it only goes with a question."""
    now = time.time()
    rows = [[job.id, job.state, *_cells(job, now)] for job in jobs]
    if err:
        for row in rows:
            _output.note("  ".join(row))
    else:
        _output.print_table(_HEADINGS, rows)


def _cells(job: RemovedJob, now: float) -> list[str]:
    parts = {
        "checkpoints": job.checkpoints,
        "outputs": job.outputs,
        "code": job.code,
        "logs": job.logs,
        "metrics": job.points,
    }
    shown = ", ".join(f"{format_size(size)} {name}" for name, size in parts.items() if size)
    return [f"{_words.ago(job.ended_at, now)} ago", format_size(job.size), shown or "-"]
