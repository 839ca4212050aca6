"""Jobs that people do not need any more."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from launcher.model.access import Action
from launcher.model.states import JobState
from launcher.server import bulk
from launcher.server.masking import Mask
from launcher.server.routes.context import Answer, Asks, Here, Noted, must_be_user
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
def prune(here: Here, asks: Asks, noted: Noted, asked: Pruning) -> Answer:
    """Remove the jobs that ended so long ago: of one project, or, for admins, of all."""
    noted.project = asked.project or ""
    asks.expect(Action.MANAGE, noted.project)
    removed = here.removing.prune(
        asked.older_than_s, project=asked.project, states=asked.states, dry_run=asked.dry_run
    )
    if not asked.dry_run:
        noted.of([one.id for one in removed.jobs], noted.project)
    mask = Mask(here.control.store, asks.within)
    kept = tuple(replace(one, reason=mask.text(one.reason)) for one in removed.kept)
    return Answer(as_json(replace(removed, kept=kept)))
