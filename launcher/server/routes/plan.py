"""What would become of a job that is not submitted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from launcher.model.access import Action
from launcher.server import planning
from launcher.server.here import bound_here
from launcher.server.masking import Mask
from launcher.server.routes.context import Answer, Asks, Here, Key, must_be_user
from launcher.spec.judge import spec_from_data
from launcher.views import as_json

router = APIRouter(prefix="/api/v1", tags=["jobs"], dependencies=[Depends(must_be_user)])


class Draft(BaseModel):
    spec: dict[str, Any]
    """The whole spec as JSON."""
    python: str | None = None
    """The submitter's interpreter."""
    user: str = ""


@router.post("/plan")
def plan(here: Here, asks: Asks, draft: Draft, idempotency_key: Key = None) -> Answer:
    """What a submit would come to now. Nothing is stored or started."""
    control, embedded = here.control, here.settings.embedded
    spec = spec_from_data(draft.spec)
    asks.expect(Action.ACT, spec.project)
    spec = bound_here(control, spec, embedded=embedded)
    made = planning.plan(
        control,
        spec,
        user=asks.by(draft.user, "unknown"),
        key=asks.own_key(idempotency_key),
        python=draft.python if embedded else None,
        within=asks.within,
    )
    mask = Mask(control.store, asks.within)
    preempts = tuple(mask.texts(made.preempts))
    return Answer(as_json(replace(made, text=mask.text(made.text), preempts=preempts)))
