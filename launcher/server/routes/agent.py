"""What agents ask, with their job's token."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse

from launcher.errors import NotFoundError, SpecError
from launcher.model import codec
from launcher.model.checkpoint import Manifest
from launcher.model.wire import AgentStatus
from launcher.server.notify import job_topic
from launcher.server.routes.context import AgentsJob, Here, Services, message
from launcher.server.uploads import put_blob
from launcher.store import checkpoints

router = APIRouter(prefix="/api/v1/agent", include_in_schema=False)

LONGEST_WAIT_S = 20.0


@router.post("/sync")
async def sync(request: Request, here: Here, job_id: AgentsJob, wait: float = 0.0) -> JSONResponse:
    status = await message(request, AgentStatus)
    topic = job_topic(job_id)
    give_up = time.monotonic() + min(wait, LONGEST_WAIT_S)
    ticket = here.control.notifier.ticket(topic)
    orders = await asyncio.to_thread(here.agents.sync, job_id, status)
    while orders.version == status.seen and time.monotonic() < give_up:
        if not await here.control.notifier.wait(topic, ticket, give_up - time.monotonic()):
            break
        ticket = here.control.notifier.ticket(topic)
        orders = await asyncio.to_thread(here.agents.look, job_id, status)
    return JSONResponse(codec.encode(orders))


@router.get("/setup/{allocation}")
def setup(here: Here, job_id: AgentsJob, allocation: str) -> JSONResponse:
    return JSONResponse(codec.encode(here.agents.setup(job_id, allocation)))


@router.get("/job")
def job(here: Here, job_id: AgentsJob) -> dict[str, bool]:
    with here.control.store.read() as tx:
        return {"over": here.control.get(tx, job_id).state.is_terminal}


@router.post("/append")
async def append(request: Request, here: Here, job_id: AgentsJob) -> dict[str, list[int]]:
    """Pieces of logs and spools: a line of JSON that lists them, then their bytes."""
    head, _, data = (await request.body()).partition(b"\n")
    lengths = await asyncio.to_thread(_append_all, here, job_id, _pieces(head), data)
    here.control.notifier.notify(job_topic(job_id))
    return {"lengths": lengths}


def _pieces(head: bytes) -> list[tuple[str, int, int, int, int]]:
    try:
        return [
            (str(p["stream"]), *(int(p[k]) for k in ("attempt", "rank", "offset", "size")))  # type: ignore[misc]
            for p in json.loads(head)
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise SpecError(f"not a list of pieces: {error}") from error


def _append_all(
    here: Services, job_id: str, pieces: list[tuple[str, int, int, int, int]], data: bytes
) -> list[int]:
    store, lengths, position = here.control.store, [], 0
    for stream, attempt, rank, offset, size in pieces:
        piece = data[position : position + size]
        position += size
        if stream == "spool":
            lengths.append(store.metrics.append(job_id, attempt, rank, offset, piece))
        else:
            with store.begin() as tx:
                lengths.append(store.logs.append(tx, job_id, attempt, rank, stream, offset, piece))
    return lengths


@router.post("/blobs/missing")
async def missing(request: Request, here: Here, job_id: AgentsJob) -> dict[str, list[str]]:  # noqa: ARG001 - the token is checked
    wanted = [str(digest) for digest in (await request.json())["sha256"]]
    return {"missing": await asyncio.to_thread(here.control.store.blobs.missing, wanted)}


@router.put("/blobs/{digest}")
async def upload(request: Request, here: Here, job_id: AgentsJob, digest: str) -> dict[str, int]:  # noqa: ARG001 - the token is checked
    return {"size": await put_blob(here.control.store.blobs, digest, request.stream())}


@router.get("/blobs/{digest}")
def download(here: Here, job_id: AgentsJob, digest: str) -> FileResponse:
    """The job's packaged workdir, or a file of one of its checkpoints."""
    with here.control.store.read() as tx:
        own = {here.control.get(tx, job_id).code}
        for stored in checkpoints.list_(tx, job_id):
            own |= {entry.sha256 for entry in stored.manifest.files}
    if digest not in own or not here.control.store.blobs.has(digest):
        raise NotFoundError(f"job '{job_id}' has no blob {digest[:12]}…")
    return FileResponse(here.control.store.blobs.path(digest))


@router.post("/checkpoints")
async def commit(request: Request, here: Here, job_id: AgentsJob) -> dict[str, Any]:
    manifest = await message(request, Manifest)
    committed = await asyncio.to_thread(here.agents.commit, job_id, manifest)
    return {"committed": codec.encode(committed)}


@router.get("/checkpoints/{checkpoint_id}")
def manifest(here: Here, job_id: AgentsJob, checkpoint_id: int) -> JSONResponse:
    with here.control.store.read() as tx:
        stored = checkpoints.get(tx, job_id, checkpoint_id)
    if stored is None:
        raise NotFoundError(f"job '{job_id}' has no checkpoint {checkpoint_id}")
    return JSONResponse(codec.encode(stored.manifest))
