"""Projects that somebody set up, and how many jobs of each wait."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select

from launcher.model.project import Project
from launcher.model.states import JobState
from launcher.store import dialect, tables
from launcher.store.rows import from_row, row_of

_projects, _jobs = tables.projects, tables.jobs
_WAITS = _jobs.c.state.in_([JobState.QUEUED.value, JobState.HELD.value])


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
