"""Projects that somebody set up, and what the jobs of each hold, or wait for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from launcher.model import codec
from launcher.model.job import AllocationState, Resources
from launcher.model.project import Project
from launcher.model.states import JobState
from launcher.store import dialect, tables
from launcher.store.rows import from_row, row_of

_projects, _jobs, _allocations = tables.projects, tables.jobs, tables.allocations
_WAITS = _jobs.c.state.in_([JobState.QUEUED.value, JobState.HELD.value])
_HELD = [state.value for state in AllocationState if state is not AllocationState.GONE]


@dataclass(frozen=True)
class Held:
    """What the jobs of a project hold, also what is on its way back; `running`: how many do."""

    gpus: float = 0.0
    cpus: float = 0.0
    running: int = 0


def all(tx: Connection) -> list[Project]:  # noqa: A001 - reads as `projects.all(tx)`
    """Those that were set up, by name."""
    rows = tx.execute(select(_projects).order_by(_projects.c.name)).mappings()
    return [from_row(Project, row) for row in rows]


def get(tx: Connection, name: str) -> Project:
    """One that nobody set up has no limits."""
    row = tx.execute(select(_projects).where(_projects.c.name == name)).mappings().first()
    return from_row(Project, row) if row else Project(name)


def put(tx: Connection, project: Project) -> None:
    tx.execute(dialect.upsert(tx, _projects), row_of(project, _projects))


def remove(tx: Connection, name: str) -> None:
    """It is as one that nobody set up."""
    tx.execute(delete(_projects).where(_projects.c.name == name))


def queued(tx: Connection, name: str) -> int:
    """How many of its jobs wait."""
    return tx.scalar(select(func.count()).where(_jobs.c.project == name, _WAITS)) or 0


def queued_of_all(tx: Connection) -> dict[str, int]:
    """How many jobs wait, by the projects that have any."""
    query = select(_jobs.c.project, func.count()).where(_WAITS).group_by(_jobs.c.project)
    return {row.project: row[1] for row in tx.execute(query)}


def held(tx: Connection, clusters: Iterable[str]) -> dict[str, Held]:
    """What is held on these clusters, by the projects that hold any."""
    found: dict[str, Held] = {}
    counted: set[str] = set()  # one that was placed anew may still have an allocation to give back
    query = (
        select(_jobs.c.id, _jobs.c.project, _jobs.c.resources, _allocations.c.slots)
        .join(_jobs, _jobs.c.id == _allocations.c.job_id)
        .where(_allocations.c.cluster.in_(list(clusters)), _allocations.c.state.in_(_HELD))
    )
    for job_id, project, resources, slots in tx.execute(query):
        before, each = found.get(project, Held()), codec.decode(Resources, resources).per_worker()
        workers = sum(slot["ranks"] * slot.get("replicas", 1) for slot in slots)
        gpus, cpus = workers * each.get("GPU", 0.0), workers * each.get("CPU", 0.0)
        running = before.running + (job_id not in counted)
        counted.add(job_id)
        found[project] = Held(before.gpus + gpus, before.cpus + cpus, running)
    return found
