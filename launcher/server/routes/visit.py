"""`launcher exec`: what its user asks, and what the agent that carries the command out asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from launcher.errors import SpecError
from launcher.model.visit import LARGEST_PIECE, VisitEnd
from launcher.server.routes.context import (
    LONGEST_WAIT_S,
    AgentsJob,
    Answer,
    Asks,
    Count,
    Here,
    Wait,
    job_of_agent,
    message,
    must_be_user,
)
from launcher.server.visits import Wish

router = APIRouter(prefix="/api/v1", tags=["exec"], dependencies=[Depends(must_be_user)])
agent_router = APIRouter(
    prefix="/api/v1/agent/visits", include_in_schema=False, dependencies=[Depends(job_of_agent)]
)

_BYTES = "application/octet-stream"
_LONGEST_COMMAND = 96 * 1024
"""Characters: Linux takes no longer argument than 128 KiB."""
_LARGEST_SIDE = 2**16 - 1
Side = Annotated[int, Field(ge=0, le=_LARGEST_SIDE)]
"""Of a terminal, in characters."""


class Command(BaseModel):
    argv: list[str] = []
    """Executed as it is, no shell reads it; empty: a shell."""
    rank: int | None = None
    node: int | None = None
    """In place of a rank: the first one of that node."""
    tty: bool = False
    stdin: bool = False
    """Something will be given to it."""
    term: str = ""
    rows: Side = 0
    columns: Side = 0
    user: str = ""


class Steering(BaseModel):
    """What the user wants of a command by now, whole each time."""

    rows: Side = 0
    columns: Side = 0
    signals: Annotated[list[Annotated[int, Field(ge=1, le=64)]], Field(max_length=100)] = []
    """All that were sent so far."""


@router.post("/jobs/{ref}/exec", status_code=201)
async def begin(here: Here, asks: Asks, ref: str, command: Command) -> Answer:
    """Run a command beside a rank; `id` names it in the requests that follow."""
    if sum(map(len, command.argv)) > _LONGEST_COMMAND:
        raise SpecError(
            f"the command has more than {_LONGEST_COMMAND} characters",
            hint="pipe it in: launcher exec JOB -- bash < script.sh",
        )
    if any("\0" in word for word in (*command.argv, command.term)):
        raise SpecError("the command has a NUL character in it")
    job_id = await asyncio.to_thread(here.control.resolve, ref)
    told = {"argv": tuple(command.argv), "user": asks.by(command.user)}
    visit = await here.visits.begin(job_id, Wish(**command.model_dump() | told))
    visit.caller = asks.name
    place = visit.place
    shown = {"id": visit.id, "job": job_id, "attempt": place.attempt, "rank": place.rank}
    return Answer(shown | {"node": place.index}, status_code=201)


@router.get("/exec/{identity}/output")
async def output(here: Here, identity: str, offset: Count = 0) -> StreamingResponse:
    """Frames as they come, until the end of the command, which lives as long as this is read.

    A frame is a byte for the kind (0 nothing, 1 stdout, 2 stderr, 3 the end as JSON), four for the
    size, and the data. A broken connection may come back within ten seconds, with `offset`: the
    bytes of whole frames of kinds 1 and 2 that came.
    """
    visit = here.visits.find(identity)
    visit.output.take(offset, 0)  # what is lost is told before the answer begins
    frames: AsyncIterator[bytes] = here.visits.relay.output(visit, offset)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(frames, media_type=_BYTES, headers=headers)


@router.post("/exec/{identity}/input")
async def give_input(
    *,
    request: Request,
    here: Here,
    identity: str,
    offset: Count = 0,
    last: bool = False,
    wait: Wait = 0.0,
) -> Answer:
    """Give bytes to the command; `length` tells how many it was given in all. `last`: no more."""
    visit = here.visits.find(identity)
    data = await _piece(request)
    wait_s = min(wait, LONGEST_WAIT_S)
    length = await here.visits.relay.give(visit, visit.input, offset, data, wait_s)
    if last and length == offset + len(data):
        visit.input.is_complete = True
        here.visits.relay.tell(visit)
    return Answer({"length": length})


@router.put("/exec/{identity}/steering")
async def steer(here: Here, identity: str, steering: Steering) -> Answer:
    """The size of its terminal, and all signals that it shall have got."""
    visit = here.visits.find(identity)
    signals = max(visit.order.signals, tuple(steering.signals), key=len)
    order = replace(visit.order, rows=steering.rows, columns=steering.columns, signals=signals)
    here.visits.change(visit, order)
    return Answer({})


@router.delete("/exec/{identity}")
async def leave(here: Here, identity: str) -> Answer:
    """Nobody wants it any more: what still runs of it is ended."""
    visit = here.visits.find(identity)
    here.visits.change(visit, replace(visit.order, end=True))
    return Answer({})


# --- agents --------------------------------------------------------------------------------------


@agent_router.get("/{identity}/input")
async def take_input(
    *,
    here: Here,
    job_id: AgentsJob,
    identity: str,
    offset: Count = 0,
    room: Count = LARGEST_PIECE,
    told: bool = False,
    wait: Wait = 0.0,
) -> Response:
    """Bytes for the command; `X-Visit-Last` when nothing more is given behind them."""
    visit = here.visits.of_agent(identity, job_id)
    wait_s = min(wait, LONGEST_WAIT_S)
    data = await here.visits.relay.input(visit, offset, room, wait_s, told=told)
    last = visit.input.is_told(offset + len(data))
    return Response(data, media_type=_BYTES, headers={"X-Visit-Last": str(int(last))})


@agent_router.post("/{identity}/output")
async def give_output(
    *,
    request: Request,
    here: Here,
    job_id: AgentsJob,
    identity: str,
    offset: Count = 0,
    wait: Wait = 0.0,
) -> Answer:
    """Whole frames of the command's output."""
    visit = here.visits.of_agent(identity, job_id)
    data = await _piece(request)
    wait_s = min(wait, LONGEST_WAIT_S)
    length = await here.visits.relay.give(visit, visit.output, offset, data, wait_s)
    return Answer({"length": length})


@agent_router.post("/{identity}/end")
async def end(request: Request, here: Here, job_id: AgentsJob, identity: str) -> Answer:
    told = await message(request, VisitEnd)
    here.visits.finish(here.visits.of_agent(identity, job_id), told)
    return Answer({})


async def _piece(request: Request) -> bytes:
    """The body, which has a bound.

    Raises:
        SpecError: it is larger.
    """
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > LARGEST_PIECE:
            raise SpecError(f"more than {LARGEST_PIECE} bytes at once", hint="send them in parts")
    return bytes(body)
