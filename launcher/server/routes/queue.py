"""What people ask of several jobs at once, and which there are to ask it of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from launcher.model.states import TERMINAL, JobState
from launcher.server import bulk
from launcher.server.routes.context import Answer, Here, must_be_user
from launcher.store import jobs
from launcher.views import Outcome, Unended, as_json

router = APIRouter(prefix="/api/v1/queue", tags=["jobs"], dependencies=[Depends(must_be_user)])


class Order(BaseModel):
    jobs: list[str]
    """Names of jobs and of arrays. One that means none, and nothing is done."""
    user: str = ""
    force: bool = False
    """Of a cancellation: do not wait for the program's grace."""

    @property
    def by(self) -> str:
        return self.user or "a user"


class Prioritising(Order):
    priority: int = Field(ge=0, le=100, strict=True)


@router.get("")
def list_unended(
    here: Here,
    state: Annotated[list[JobState] | None, Query()] = None,
    project: str | None = None,
    user: str | None = None,
) -> Answer:
    """All jobs that wait or run, oldest first."""
    states = set(state or JobState) - TERMINAL
    with here.control.store.read() as tx:
        found = jobs.unended(tx, states=states, project=project, user=user)
    shown = [Unended(job_id, state.value, of, by) for job_id, state, of, by in found]
    return Answer({"jobs": as_json(shown)})


@router.post("/cancel")
def cancel(here: Here, order: Order) -> Answer:
    job_ids = bulk.resolve(here.control, order.jobs)
    return _answer(bulk.cancel(here.control, job_ids, by=order.by, force=order.force))


@router.post("/hold")
def hold(here: Here, order: Order) -> Answer:
    job_ids = bulk.resolve(here.control, order.jobs)
    return _answer(bulk.hold(here.control, job_ids, by=order.by))


@router.post("/release")
def release(here: Here, order: Order) -> Answer:
    job_ids = bulk.resolve(here.control, order.jobs)
    return _answer(bulk.release(here.control, job_ids, by=order.by))


@router.post("/priority")
def set_priority(here: Here, order: Prioritising) -> Answer:
    job_ids = bulk.resolve(here.control, order.jobs)
    return _answer(bulk.set_priority(here.control, job_ids, order.priority, by=order.by))


def _answer(outcomes: Sequence[Outcome]) -> Answer:
    return Answer({"outcomes": as_json(list(outcomes))})
