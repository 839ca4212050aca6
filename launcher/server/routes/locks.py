"""The lock of a job's environment: the versions that its first node found for its requirements."""

from __future__ import annotations

import asyncio
import hashlib

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection

from launcher.errors import SpecError
from launcher.model import lifecycle
from launcher.model.job import Change, Job
from launcher.server.routes.context import AgentsJob, Here, Services, job_of_agent
from launcher.store import named

router = APIRouter(
    prefix="/api/v1/agent", include_in_schema=False, dependencies=[Depends(job_of_agent)]
)

_LARGEST_LOCK = 16 * 1024 * 1024


@router.get("/lock")
def lock(here: Here, job_id: AgentsJob) -> Response:
    return Response(_stored(here, job_id), media_type="text/plain")


@router.put("/lock")
async def keep_lock(request: Request, here: Here, job_id: AgentsJob) -> Response:
    """Keep the versions, unless the job has some: answers those that it has now."""
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > _LARGEST_LOCK:
            raise SpecError(f"a lock has at most {_LARGEST_LOCK} bytes")
    text = await asyncio.to_thread(_kept, here, job_id, bytes(body))
    return Response(text, media_type="text/plain")


def _kept(here: Services, job_id: str, text: bytes) -> bytes:
    # A blob of this job alone, which goes with it: no other one's lock begins so.
    content = f"# {job_id}\n".encode() + text
    digest = hashlib.sha256(content).hexdigest()
    here.control.store.blobs.put(digest, [content])

    def step(job: Job, tx: Connection) -> Change:
        change = lifecycle.lock(job, digest)
        if change.job.policy.lock == digest:
            named.note(tx, job_id, {digest})
        return change

    here.control.change(job_id, step)
    return _stored(here, job_id)


def _stored(here: Services, job_id: str) -> bytes:
    """The versions; nothing as long as the job has none."""
    with here.control.store.read() as tx:
        digest = here.control.get(tx, job_id).policy.lock
    if not digest:
        return b""
    return here.control.store.blobs.path(digest).read_bytes().partition(b"\n")[2]
