"""What the nodes did over the last hour."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from launcher.server.routes.context import Answer, Here, must_be_user
from launcher.views import as_json

router = APIRouter(prefix="/api/v1", tags=["server"], dependencies=[Depends(must_be_user)])


@router.get("/nodes/load")
def show(here: Here, minutes: Annotated[float, Query(gt=0, le=60)] = 60.0) -> Answer:
    """CPU, memory and GPU use of every node over time, out of the samples of the jobs there."""
    return Answer(as_json(here.load.recent(60 * minutes)))
