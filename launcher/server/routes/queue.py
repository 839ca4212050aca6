"""What people ask of several jobs at once, and which there are to ask it of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from launcher.model.access import Action, Caller
from launcher.model.states import TERMINAL, JobState
from launcher.server import bulk
from launcher.server.auditing import Note
from launcher.server.routes.context import Answer, Asks, Here, Noted, Services, must_be_user
from launcher.store import jobs
from launcher.views import Outcome, Unended, as_json

router = APIRouter(prefix="/api/v1/queue", tags=["jobs"], dependencies=[Depends(must_be_user)])


class Order(BaseModel):
    jobs: list[str]
    """Names of jobs and of arrays. One that means none, and nothing is done."""
    user: str = ""
    force: bool = False
    """Of a cancellation: do not wait for the program's grace."""


class Prioritising(Order):
    priority: int = Field(ge=0, le=100, strict=True)


class Limiting(Order):
    limit: int | None = Field(ge=1, strict=True)
    """None: all at once."""


@router.get("")
def list_unended(
    here: Here,
    asks: Asks,
    state: Annotated[list[JobState] | None, Query()] = None,
    project: str | None = None,
    user: str | None = None,
) -> Answer:
    """All jobs that wait or run, oldest first."""
    states = set(state or JobState) - TERMINAL
    with here.control.store.read() as tx:
        found = jobs.unended(tx, states=states, project=project, user=user, within=asks.within)
    shown = [Unended(job_id, state.value, of, by) for job_id, state, of, by in found]
    return Answer({"jobs": as_json(shown)})


@router.post("/cancel")
def cancel(here: Here, asks: Asks, noted: Noted, order: Order) -> Answer:
    job_ids = _meant(here, asks, noted, order)
    by = asks.by(order.user)
    return _answer(bulk.cancel(here.control, job_ids, by=by, force=order.force))


@router.post("/hold")
def hold(here: Here, asks: Asks, noted: Noted, order: Order) -> Answer:
    job_ids = _meant(here, asks, noted, order)
    return _answer(bulk.hold(here.control, job_ids, by=asks.by(order.user)))


@router.post("/release")
def release(here: Here, asks: Asks, noted: Noted, order: Order) -> Answer:
    job_ids = _meant(here, asks, noted, order)
    return _answer(bulk.release(here.control, job_ids, by=asks.by(order.user)))


@router.post("/priority")
def set_priority(here: Here, asks: Asks, noted: Noted, order: Prioritising) -> Answer:
    job_ids = _meant(here, asks, noted, order)
    by = asks.by(order.user)
    return _answer(bulk.set_priority(here.control, job_ids, order.priority, by=by))


@router.post("/limit")
def set_limit(here: Here, asks: Asks, noted: Noted, order: Limiting) -> Answer:
    job_ids = _meant(here, asks, noted, order)
    return _answer(bulk.set_limit(here.control, job_ids, order.limit, by=asks.by(order.user)))


def _meant(here: Services, asks: Caller, noted: Note, order: Order) -> list[str]:
    """The jobs that are named, all of which the caller may change.

    Raises:
        NotFoundError, ConflictError: every name that means none, or several.
        ForbiddenError: one is of a project where the caller may only look.
    """
    job_ids = bulk.resolve(here.control, order.jobs, asks.within)
    with here.control.store.read() as tx:
        projects = set(jobs.projects_of(tx, job_ids).values())
    noted.said = order.user
    noted.of(job_ids, projects.pop() if len(projects) == 1 else "")
    for project in sorted({noted.project, *projects} - {""}):
        asks.expect(Action.ACT, project)
    return job_ids


def _answer(outcomes: Sequence[Outcome]) -> Answer:
    return Answer({"outcomes": as_json(list(outcomes))})
