"""Parts of the list of all jobs: what somebody looks for, in an order, a page at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from launcher.model.job import Job
from launcher.model.states import JobState
from launcher.store import jobs, tables

_jobs, _allocations = tables.jobs, tables.allocations

_ORDERS: dict[str, ColumnElement[Any]] = {
    "submitted": _jobs.c.submitted_at,
    "name": func.lower(_jobs.c.name),
    "project": _jobs.c.project,
    "user": _jobs.c.user,
    "priority": _jobs.c.priority,
    "state": _jobs.c.state,
}
ORDERS = tuple(_ORDERS)
"""By what jobs can be put in order."""


@dataclass(frozen=True)
class Wanted:
    """What jobs somebody looks for; empty: whatever.

    Attributes:
        states: one of these.
        project: of this project.
        user: of this user.
        cluster: placed there, or bound to it.
        text: in the name or the id, small and capital letters alike.
        within: of one of these projects; None: of any.
    """

    states: frozenset[JobState] = frozenset()
    project: str = ""
    user: str = ""
    cluster: str = ""
    text: str = ""
    within: frozenset[str] | None = None


def page(
    tx: Connection, wanted: Wanted, *, order: str, descending: bool, offset: int, limit: int
) -> list[Job]:
    """Jobs in that order; among equals the newest is first."""
    ids = _found(select(_jobs.c.id), wanted).order_by(*_ordered(order, descending=descending))
    shown = list(tx.scalars(ids.offset(offset).limit(limit)))
    found = jobs.get_all(tx, shown)
    return [found[job_id] for job_id in shown if job_id in found]


def count(tx: Connection, wanted: Wanted) -> Counter[JobState]:
    """How many jobs are in each state, of those that are wanted in whatever state."""
    wanted = replace(wanted, states=frozenset())
    if wanted == Wanted(project=wanted.project):
        query = select(_jobs.c.state, func.count()).group_by(_jobs.c.state)
        query = query.where(_jobs.c.project == wanted.project) if wanted.project else query
    else:
        state = _apart(_jobs.c.state)
        query = _found(select(state, func.count()), wanted).group_by(state)
    return Counter({JobState(one): number for one, number in tx.execute(query)})


def projects_and_users(tx: Connection, within: jobs.Within = None) -> tuple[list[str], list[str]]:
    """All that there are of either in the jobs of these projects, by name; None: of all."""
    queries = [select(one).distinct() for one in (_jobs.c.project, _jobs.c.user)]
    if within is not None:
        queries = [one.where(_jobs.c.project.in_(within)) for one in queries]
    projects, users = (sorted(tx.scalars(one)) for one in queries)
    return projects, users


def _ordered(order: str, *, descending: bool) -> list[ColumnElement[Any]]:
    by = _ORDERS[order]
    if order == "submitted" and not descending:
        return [by.asc(), _jobs.c.id.asc()]
    newest_first: list[ColumnElement[Any]] = [_jobs.c.submitted_at.desc(), _jobs.c.id.desc()]
    if order == "submitted":
        return newest_first
    return [by.desc() if descending else by.asc(), *newest_first]


def _apart(column: ColumnElement[str]) -> ColumnElement[str]:
    """The column, by no index of its own: SQLite would take that, and read the row of each job."""
    return column + ""


def _found(query: Any, wanted: Wanted) -> Any:
    """The query, of the jobs that are wanted. A Select of whatever columns it has."""
    if wanted.states:
        query = query.where(_jobs.c.state.in_([state.value for state in wanted.states]))
    if wanted.project:
        query = query.where(_apart(_jobs.c.project) == wanted.project)
    if wanted.within is not None:
        query = query.where(_apart(_jobs.c.project).in_(wanted.within))
    if wanted.user:
        query = query.where(_jobs.c.user == wanted.user)
    if wanted.text:
        places = _jobs.c.name, _jobs.c.id
        query = query.where(or_(*(one.icontains(wanted.text, autoescape=True) for one in places)))
    if wanted.cluster:
        newest = and_(
            _allocations.c.job_id == _jobs.c.id, _allocations.c.number == _jobs.c.newest_allocation
        )
        where = func.coalesce(_allocations.c.cluster, _jobs.c.cluster)
        query = query.outerjoin_from(_jobs, _allocations, newest).where(where == wanted.cluster)
    return query
