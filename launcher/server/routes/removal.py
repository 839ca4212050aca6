"""Jobs that people do not need any more."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from launcher.model.states import JobState
from launcher.server import bulk
from launcher.server.routes.context import Answer, Here, must_be_user
from launcher.views import as_json

router = APIRouter(prefix="/api/v1", tags=["jobs"], dependencies=[Depends(must_be_user)])


class Pruning(BaseModel):
    older_than_s: float = Field(ge=0, allow_inf_nan=False)
    """Seconds since the jobs' end."""
    project: str | None = None
    states: list[JobState] = []
    """How they ended; empty: however."""
    dry_run: bool = False


@router.delete("/jobs/{ref}")
def remove(here: Here, ref: str, dry_run: bool = False) -> Answer:
    """Remove an ended job, or all of an array, with logs, points, checkpoints and outputs."""
    removed = here.removing.remove(bulk.resolve(here.control, [ref]), dry_run=dry_run)
    return Answer(as_json(removed))


@router.post("/prune")
def prune(here: Here, asked: Pruning) -> Answer:
    """Remove the jobs that ended so long ago."""
    removed = here.removing.prune(
        asked.older_than_s, project=asked.project, states=asked.states, dry_run=asked.dry_run
    )
    return Answer(as_json(removed))
