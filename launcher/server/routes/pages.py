"""Two bare pages: the jobs, and one job."""

from __future__ import annotations

import hmac
import time
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from launcher.errors import UnauthorizedError
from launcher.server.routes.context import Here
from launcher.store import events, jobs
from launcher.units import format_duration, format_size

router = APIRouter(include_in_schema=False)
_templates = Jinja2Templates(Path(__file__).parent.parent / "templates")
_templates.env.filters["duration"] = format_duration
_templates.env.filters["size"] = format_size
_templates.env.filters["clock"] = lambda at: time.strftime("%H:%M:%S", time.localtime(at))
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'",
    "Referrer-Policy": "no-referrer",
}


@router.get("/")
def list_page(request: Request, here: Here) -> Response:
    if (answer := _entrance(request, here)) is not None:
        return answer
    with here.control.store.read() as tx:
        found = jobs.summaries(tx, states=None, project=None, limit=200)
    shown = here.showing.jobs(found)
    data = {"jobs": shown, "now": time.time(), "server": here.showing.server()}
    return _templates.TemplateResponse(request, "jobs.html", data, headers=_HEADERS)


@router.get("/jobs/{ref}")
def job_page(request: Request, here: Here, ref: str) -> Response:
    if (answer := _entrance(request, here)) is not None:
        return answer
    job = here.showing.job(here.control.resolve(ref))
    with here.control.store.read() as tx:
        told = events.after(tx, job.id, 0, limit=10_000)
    data = {"job": job, "events": told, "now": time.time()}
    return _templates.TemplateResponse(request, "job.html", data, headers=_HEADERS)


def _entrance(request: Request, here: Here) -> Response | None:
    """The key comes once in the address, then as a cookie that scripts cannot read."""
    # Cookies know no port: several servers of one machine must not overwrite each other's.
    cookie = f"launcher-{here.control.store.server_id}"
    key = here.settings.page_key
    given = request.query_params.get("key")
    if given is not None:
        if not hmac.compare_digest(given.encode(), key.encode()):
            raise UnauthorizedError("this server does not know that key")
        answer = RedirectResponse(request.url.path, status_code=303)
        answer.set_cookie(cookie, given, httponly=True, samesite="lax")
        return answer
    if hmac.compare_digest(request.cookies.get(cookie, "").encode(), key.encode()):
        return None
    text = "<p>Open this page by the address that <code>launcher show JOB</code> prints.</p>"
    return HTMLResponse(text, status_code=401, headers=_HEADERS)
