"""The page of one job, its parts that change, how its spec differs from another's, its pictures."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from launcher.errors import LauncherError, NotFoundError
from launcher.server import showing
from launcher.server.masking import Mask
from launcher.server.pictures import is_named_like_a_picture, type_of_picture
from launcher.server.routes.context import Asks, Here, Number, Services
from launcher.server.routes.cursor import Cursor
from launcher.server.routes.outputs import FOREIGN
from launcher.server.routes.pages import page
from launcher.server.timeline import KINDS, Commit, Moment, timeline
from launcher.spec.again import differences
from launcher.spec.dump import to_yaml
from launcher.spec.jobspec import JobSpec
from launcher.store import checkpoints, events, outputs
from launcher.store.outputs import StoredOutput
from launcher.views import JobView

router = APIRouter()
_EVENTS = 200
_CHECKPOINTS = 100
_COMMITS = 5000
_MOMENTS = 5000
_OUTPUTS = 500
_PICTURES = 60
_FOR_LONG = "private, max-age=31536000, immutable"


@router.get("/jobs/{ref}")
def job_page(request: Request, here: Here, asks: Asks, ref: str) -> Response:
    """All of it, or, for a script, what changes while a job runs."""
    try:
        job = here.showing.job(here.control.resolve(ref))
    except LauncherError as error:
        return page.failed(request, here, error)
    mask = Mask(here.control.store, asks.within)
    job = mask.view(job)
    told = _changing(here, job, mask)
    if page.is_part(request):
        return page.answer(request, here, "_job_parts.html", told)
    return page.answer(request, here, "job.html", told | _standing(here, job))


@router.get("/jobs/{ref}/diff")
def job_diff(request: Request, here: Here, asks: Asks, ref: str, other: str = "") -> Response:
    """In what the spec and the code of a job differ from those of another one."""
    data: dict[str, Any] = {"other": None, "problem": "", "changes": []}
    try:
        job_id = here.control.resolve(ref)
        if other.strip():
            other_id = here.control.resolve(other.strip(), asks.within)
            with here.control.store.read() as tx:
                own, theirs = here.control.get(tx, job_id), here.control.get(tx, other_id)
            data["job"], data["other"] = own, theirs
            data["changes"] = differences(theirs.spec, own.spec)
    except LauncherError as error:
        data["problem"] = error.message
    return page.answer(request, here, "_job_diff.html", data)


@router.get("/jobs/{ref}/outputs/{rank}/picture/{path:path}")
def picture(request: Request, here: Here, ref: str, rank: Number, path: str) -> Response:
    """An output that is a picture by what it holds: the only one that a browser may show here."""
    job_id = here.control.resolve(ref)
    with here.control.store.read() as tx:
        found = outputs.get(tx, job_id, rank, path)
    file = here.control.store.blobs.path(found.sha256) if found else None
    kind = type_of_picture(file) if file else None
    if file is None or kind is None:
        raise NotFoundError(f"job '{job_id}' has no picture '{path}' of rank {rank}")
    headers = FOREIGN | {
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": _FOR_LONG if "v" in request.query_params else "no-store",
    }
    return FileResponse(file, media_type=kind, headers=headers)


def _changing(here: Services, job: JobView, mask: Mask) -> dict[str, Any]:
    """What changes while a job lives."""
    with here.control.store.read() as tx:
        told = mask.events(events.last(tx, job.id, _EVENTS))
        moments = mask.events(events.of_kinds(tx, job.id, KINDS, _MOMENTS))
        commits = checkpoints.commits(tx, job.id, _COMMITS)
        kept = [showing.checkpoint(one) for one in checkpoints.list_(tx, job.id)[-_CHECKPOINTS:]]
        files = outputs.list_(tx, job.id)
    drawn = timeline(
        job,
        [Moment(one.time, one.kind, one.text, one.attempt) for one in moments],
        [Commit(one.created_at, one.step, one.attempt, not one.pruned) for one in commits],
        here.control.clock(),
    )
    figures = {one.id: one.metrics for one in kept}
    return {
        "job": job,
        "timeline": drawn,
        "events": told[::-1],
        "commits": commits[: -_CHECKPOINTS - 1 : -1],
        "figures": figures,
        "metric_names": list(dict.fromkeys(name for one in figures.values() for name in one))[:6],
        "outputs": files[:_OUTPUTS],
        "pictures": _pictures(here, files[:_OUTPUTS]),
    }


def _pictures(here: Services, files: list[StoredOutput]) -> list[StoredOutput]:
    """Those that a browser can show: a picture that is none would be a hole on the page."""
    named = [one for one in files if is_named_like_a_picture(one.path)][:_PICTURES]
    blobs = here.control.store.blobs
    return [one for one in named if type_of_picture(blobs.path(one.sha256)) is not None]


def _standing(here: Services, job: JobView) -> dict[str, Any]:
    """What stays as it is, and from where on the page follows the job."""
    with here.control.store.read() as tx:
        own = here.control.get(tx, job.id)
        saved = checkpoints.commits(tx, job.id, 1)
        cursor = Cursor(events.newest(tx, job.id), saved[-1].id if saved else 0)
        has_log = bool(here.control.store.logs.streams(tx, job.id))
    with here.control.store.metrics.reading(job.id) as reading:
        cursor.batch = reading.newest_batch()
    return {
        "yaml": to_yaml(JobSpec.model_validate(own.spec)),
        "code": own.code,
        "lock": own.policy.lock,
        "cursor": cursor.text(),
        "has_log": has_log,
    }
