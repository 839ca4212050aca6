"""Jobs that begin from another job's checkpoint, and what every attempt resumes from."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from launcher.errors import ConflictError, NotFoundError, SpecError
from launcher.model.job import Job
from launcher.store import checkpoints, jobs

_SHOWN = 8


def begin_from(tx: Connection, job: Job, reference: str, within: jobs.Within = None) -> Job:
    """The job with the checkpoint that its first attempt starts from, kept until it is not needed.

    Args:
        tx: the one that stores the job, so that nobody gives the checkpoint up meanwhile.
        job: to be stored.
        reference: `JOB`, the newest of that job, or `JOB@STEP`.
        within: projects whose jobs can be meant; None: all.

    Raises:
        SpecError: no such job, or it has no such checkpoint.
    """
    name, _, step = reference.partition("@")
    try:
        origin = jobs.find_one(tx, name, within)
    except (NotFoundError, ConflictError) as error:
        raise SpecError(f"from_job: {error}", hint=error.hint) from error
    kept = checkpoints.list_(tx, origin)
    fitting = [one for one in kept if not step or one.step == int(step)]
    if not fitting:
        raise _without(origin, step, [one.step for one in kept])
    chosen = fitting[-1]
    spec = job.spec | {"from_job": f"{origin}@{chosen.step}"}
    return replace(job, spec=spec, from_checkpoint=chosen.id, from_step=chosen.step)


def resumes_from(tx: Connection, job: Job) -> tuple[int, int] | None:
    """Id and step of the checkpoint that a new attempt resumes from.

    Its own that was committed last, else the one that the job begins from. A program that saves by
    launcher.checkpoint finds what it saved so, whatever watched files were committed later: they
    are put back in any case.
    """
    if job.attempt is not None:  # else it has none
        own = checkpoints.newest(tx, job.id, watched=False) or checkpoints.newest(tx, job.id)
        if own is not None:
            return own.id, own.step
    if job.from_checkpoint is None or job.from_step is None:
        return None
    return job.from_checkpoint, job.from_step


def _without(origin: str, step: str, kept: list[int]) -> SpecError:
    if not kept:
        return SpecError(
            f"from_job: job {origin} has no committed checkpoint",
            hint="wait until it has one, or leave from_job out to begin anew",
        )
    steps = ", ".join(map(str, kept[-_SHOWN:]))
    return SpecError(
        f"from_job: job {origin} has no checkpoint of step {step}; it has those of {steps}",
        hint=f"{origin} alone means its newest; checkpoints.keep_last says how many are kept",
    )
