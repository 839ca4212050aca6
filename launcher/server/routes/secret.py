"""Secrets, of which no answer to people holds a value."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from launcher.errors import SpecError
from launcher.model.access import Action
from launcher.model.secret import LARGEST
from launcher.names import NAME
from launcher.server.routes.context import (
    AgentsJob,
    Answer,
    Asks,
    Here,
    Noted,
    job_of_agent,
    message,
    must_be_user,
)
from launcher.views import as_json

router = APIRouter(prefix="/api/v1", tags=["secrets"], dependencies=[Depends(must_be_user)])
agent_router = APIRouter(
    prefix="/api/v1/agent", include_in_schema=False, dependencies=[Depends(job_of_agent)]
)

_Name = Annotated[str, Path(max_length=1000)]
_Project = Annotated[str, Query(max_length=100)]
"""Empty: of all projects."""


@router.get("/secrets")
def list_secrets(here: Here, asks: Asks) -> Answer:
    """Names, projects, who set them and when: those that jobs of the caller can name."""
    asks.expect_anywhere(Action.ACT)
    found = here.secrets.all()
    seen = [one for one in found if not one.project or asks.may(Action.ACT, one.project)]
    return Answer({"secrets": as_json(seen)})


@router.put("/secrets/{name}")
async def put(
    *,
    request: Request,
    here: Here,
    asks: Asks,
    noted: Noted,
    name: _Name,
    project: _Project = "",
    user: str = "",
) -> Answer:
    """The body is the value, byte for byte: a fault of its shape would be answered with it."""
    _expect_project(project)
    noted.said, noted.project = user, project
    asks.expect(Action.ACT, project)
    value = bytearray()
    async for block in request.stream():
        value += block
        if len(value) > LARGEST:
            raise SpecError(f"the value of '{name}' has more than {LARGEST:,} bytes")
    is_new = await asyncio.to_thread(
        here.secrets.put, name, bytes(value), project=project, user=asks.by(user, "unknown")
    )
    return Answer({"new": is_new}, status_code=201 if is_new else 200)


@router.delete("/secrets/{name}")
def remove(here: Here, asks: Asks, noted: Noted, name: _Name, project: _Project = "") -> Answer:
    """Answers with the jobs that have not ended and lack it from now on."""
    noted.project = project
    asks.expect(Action.ACT, project)
    return Answer({"jobs": here.secrets.remove(name, project=project)})


@router.post("/secrets/renew-key")
def renew_key(here: Here) -> Answer:
    return Answer({"secrets": here.secrets.renew_key()})


@dataclass(frozen=True)
class Sealed:
    """What nodes keep of the secrets that they were given, by allocation."""

    sealed: dict[str, str]


@agent_router.post("/sealed")
async def reopen(request: Request, here: Here, job_id: AgentsJob) -> Answer:
    """The values that were given to agents of this job before: their logs are still to be shipped.

    409: the key is gone.
    """
    kept = await message(request, Sealed)
    values = await asyncio.to_thread(here.secrets.reopen, job_id, kept.sealed)
    return Answer({"values": values})


def _expect_project(project: str) -> None:
    if project and not NAME.fullmatch(project):
        raise SpecError(f"'{project}' is not the name of a project: small letters, digits and '-'")
