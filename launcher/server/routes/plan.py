"""What would become of a job that is not submitted."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel

from launcher.server import planning
from launcher.server.here import bound_here
from launcher.server.routes.context import Answer, Here, must_be_user
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
def plan(
    here: Here, draft: Draft, idempotency_key: Annotated[str | None, Header()] = None
) -> Answer:
    """What a submit would come to now. Nothing is stored or started."""
    control, embedded = here.control, here.settings.embedded
    spec = bound_here(control, spec_from_data(draft.spec), embedded=embedded)
    made = planning.plan(
        control,
        spec,
        user=draft.user or "unknown",
        key=idempotency_key,
        python=draft.python if embedded else None,
    )
    return Answer(as_json(made))
