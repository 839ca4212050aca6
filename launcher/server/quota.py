"""What a project's quota says of a new job; what it says of placing one is the scheduler's."""

from __future__ import annotations

from sqlalchemy import Connection

from launcher.errors import ConflictError, SpecError
from launcher.model.job import Job, Resources
from launcher.model.project import Project
from launcher.scheduler import words
from launcher.store import projects


class Places:
    """The places that are left to new jobs in the queue.

    Args:
        tx: the one that stores the jobs.
    """

    def __init__(self, tx: Connection) -> None:
        self._tx = tx
        self._projects: dict[str, Project] = {}
        self._waiting: dict[str, int] = {}

    def take(self, job: Job, count: int = 1) -> None:
        """Refuse a job that its project's quota can never hold, or that finds no place.

        Args:
            job: the new one, or the first of an array.
            count: how many like it are submitted at once.

        Raises:
            SpecError: the gang alone is larger than the quota, and not preemptible.
            ConflictError: enough jobs of the project wait.
        """
        project = self._project(job.project)
        if not job.policy.preemptible:
            _expect_room(job, {"GPU": project.gpus, "CPU": project.cpus})
        if project.queued is None:
            return
        waiting = self._queued(job.project)
        if waiting + count > project.queued:
            more = f", and this would be {count} more" if count > 1 else ""
            raise ConflictError(
                f"project '{job.project}' has {words.count(waiting, 'job')} in the queue{more}: "
                f"its quota lets {project.queued} wait",
                hint=f"launcher list --state queued --project {job.project} shows them; submit "
                f"again when one has started, cancel one, or raise the quota: launcher quota set "
                f"{job.project} --queued {waiting + count}",
            )
        self._waiting[job.project] = waiting + count

    def _project(self, name: str) -> Project:
        if name not in self._projects:
            self._projects[name] = projects.get(self._tx, name)
        return self._projects[name]

    def _queued(self, name: str) -> int:
        if name not in self._waiting:
            self._waiting[name] = projects.queued(self._tx, name)
        return self._waiting[name]


def _expect_room(job: Job, quota: dict[str, float | None]) -> None:
    gang = job.resources.smallest
    workers, each = gang.workers, gang.per_worker()
    whole = {name: each.get(name, 0.0) * workers for name in quota}
    over = {
        name: limit for name, limit in quota.items() if limit is not None and limit < whole[name]
    }
    if not over:
        return
    needs = " and ".join(f"{words.amount(name, whole[name])}{_times(gang, name)}" for name in over)
    may = words.amounts(over)
    options = " ".join(f"--{name.lower()}s {words.number(whole[name])}" for name in over)
    raise SpecError(
        f"needs {needs}; project '{job.project}' may hold {may} at once",
        hint=f"lower {words.key_of_workers(gang)}, or write preemptible: true, by which it "
        f"may hold what others leave idle, or raise the quota: launcher quota set {job.project} "
        f"{options}",
    )


def _times(gang: Resources, name: str) -> str:
    """How an amount comes about; empty where it is that of one worker."""
    return f" ({words.gang(gang, [name])})" if gang.workers > 1 else ""
