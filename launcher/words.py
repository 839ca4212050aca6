"""Short words for numbers and jobs, the same in commands and on pages."""

from __future__ import annotations

from launcher.views import JobView


def number(value: object) -> str:
    """A metric's value in few characters.

    >>> number(0.123456), number(1200.0), number("nan"), number(0.00001234)
    ('0.1235', '1200', 'nan', '1.234e-05')
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    return f"{value:.4g}" if abs(value) < 1000 or abs(value) >= 1e6 else f"{value:.0f}"


def gang(job: JobView) -> str:
    """What a job takes.

    >>> gang(JobView("a-1", "a", "QUEUED", workers=4, gpus_per_worker=1))
    '4 x 1 GPU'
    >>> gang(JobView("a-1", "a", "RUNNING", workers=4, min_workers=2, max_workers=8))
    '4 of 2-8 x 1 CPU'
    """
    each = (
        f"{job.gpus_per_worker} GPU{'s' * (job.gpus_per_worker > 1)}"
        if job.gpus_per_worker
        else f"{job.cpus_per_worker:g} CPU{'s' * (job.cpus_per_worker > 1)}"
    )
    if job.min_workers is None:
        return f"{job.workers} x {each}"
    now = "" if job.state in {"QUEUED", "HELD"} else f"{job.workers} of "
    return f"{now}{job.min_workers}-{job.max_workers} x {each}"
