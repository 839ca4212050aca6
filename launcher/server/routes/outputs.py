"""What people ask of the files of a job: its outputs, and the code that it runs."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import FileResponse

from launcher.errors import NotFoundError
from launcher.server.routes.context import Answer, Here, Number, must_be_user
from launcher.store import outputs
from launcher.views import OutputView, as_json

router = APIRouter(prefix="/api/v1", tags=["files"], dependencies=[Depends(must_be_user)])

_BYTES = "application/octet-stream"
"""Whatever a job wrote: no browser shall take it for a page of this server."""
FOREIGN = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of such files: nothing in them runs, and their type is not guessed."""


@router.get("/jobs/{ref}/outputs")
def list_outputs(here: Here, ref: str) -> Answer:
    job_id = here.control.resolve(ref)
    with here.control.store.read() as tx:
        stored = outputs.list_(tx, job_id)
    views = [
        OutputView(
            path=one.path,
            rank=one.rank,
            attempt=one.attempt,
            size=one.size,
            sha256=one.sha256,
            mode=one.mode,
            collected_at=one.collected_at,
        )
        for one in stored
    ]
    return Answer({"outputs": as_json(views)})


@router.get("/jobs/{ref}/outputs/{rank}/files/{path:path}")
def output_file(here: Here, ref: str, rank: Number, path: str) -> FileResponse:
    job_id = here.control.resolve(ref)
    with here.control.store.read() as tx:
        found = outputs.get(tx, job_id, rank, path)
    if found is None:
        raise NotFoundError(f"job '{job_id}' has no output '{path}' of rank {rank}")
    return FileResponse(
        here.control.store.blobs.path(found.sha256),
        media_type=_BYTES,
        filename=path.rpartition("/")[2],
        headers=FOREIGN,
    )


@router.get("/jobs/{ref}/code")
def code(here: Here, ref: str) -> FileResponse:
    """The packaged workdir: a tar file."""
    job_id = here.control.resolve(ref)
    with here.control.store.read() as tx:
        digest = here.control.get(tx, job_id).code
    if not digest:
        raise NotFoundError(f"job '{job_id}' was sent no files: it runs in place")
    return FileResponse(here.control.store.blobs.path(digest), media_type="application/x-tar")
