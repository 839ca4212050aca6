"""Projects: what each may hold, holds and held."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from launcher.model.access import Caller
from launcher.names import NAME
from launcher.server.routes.context import LARGEST, Answer, Asks, Here, Services, must_be_user
from launcher.views import as_json

router = APIRouter(
    prefix="/api/v1/projects", tags=["projects"], dependencies=[Depends(must_be_user)]
)

_Name = Annotated[str, Path(pattern=f"^(?:{NAME.pattern})$")]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0, le=LARGEST, strict=True)]


class Change(BaseModel):
    """What is not named stays; null takes a limit away."""

    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    gpus: _Amount | None = None
    cpus: _Amount | None = None
    running: _Count | None = None
    queued: _Count | None = None


@router.get("")
def show(here: Here, asks: Asks) -> Answer:
    """Those that were set up, hold or want something, held something once, or have members."""
    return _shown(here, asks)


@router.put("/{name}")
def change(here: Here, asks: Asks, name: _Name, change: Change) -> Answer:
    here.projects.change(name, change.model_dump(exclude_unset=True))
    return _shown(here, asks)


@router.delete("/{name}")
def reset(here: Here, asks: Asks, name: _Name) -> Answer:
    """No limits any more, weight 1."""
    here.projects.reset(name)
    return _shown(here, asks)


def _shown(here: Services, asks: Caller) -> Answer:
    return Answer({"projects": as_json(here.projects.all(asks.within, empty=True))})
