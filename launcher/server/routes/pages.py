"""Two bare pages: the jobs, and one job. They only show, so a key that only shows opens them."""

from __future__ import annotations

import hmac
import time
from html import escape
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from launcher.errors import LauncherError
from launcher.server.routes.context import Here
from launcher.server.routes.errors import status_of
from launcher.store import events, jobs
from launcher.units import format_duration, format_size

router = APIRouter(include_in_schema=False)
_JOBS_LIMIT, _EVENTS_LIMIT = 200, 10_000
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_NO_KEY = "<p>Open this page by the address that <code>launcher show JOB</code> prints.</p>"


def _printable(value: Any) -> Any:
    """What programs wrote may hold halves of surrogate pairs, which no page can."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


_templates = Jinja2Templates(Path(__file__).parent.parent / "templates")
_templates.env.finalize = _printable
_templates.env.filters["duration"] = format_duration
_templates.env.filters["size"] = format_size
_templates.env.filters["clock"] = lambda at: time.strftime("%H:%M:%S", time.localtime(at))


@router.get("/")
def list_page(request: Request, here: Here) -> Response:
    if (answer := _entrance(request, here)) is not None:
        return answer
    with here.control.store.read() as tx:
        found = jobs.summaries(tx, states=None, project=None, limit=_JOBS_LIMIT)
    data = {"jobs": here.showing.jobs(found), "clusters": here.showing.clusters()}
    return _page(request, "jobs.html", data)


@router.get("/jobs/{ref}")
def job_page(request: Request, here: Here, ref: str) -> Response:
    if (answer := _entrance(request, here)) is not None:
        return answer
    try:
        job = here.showing.job(here.control.resolve(ref))
    except LauncherError as error:
        return _words(f"<p>{escape(error.message)}</p>", status_of(error))
    with here.control.store.read() as tx:
        told = events.after(tx, job.id, 0, limit=_EVENTS_LIMIT)
    return _page(request, "job.html", {"job": job, "events": told})


def _page(request: Request, template: str, data: dict[str, Any]) -> Response:
    return _templates.TemplateResponse(
        request, template, data | {"now": time.time()}, headers=_HEADERS
    )


def _words(html: str, status: int) -> Response:
    return HTMLResponse(html, status_code=status, headers=_HEADERS)


def _entrance(request: Request, here: Here) -> Response | None:
    """The key comes once in the address, then as a cookie that scripts cannot read."""
    # Cookies know no port: several servers of one machine must not overwrite each other's.
    cookie = f"launcher-{here.control.store.server_id}"
    key = here.settings.page_key
    given = request.query_params.get("key")
    shown = given if given is not None else request.cookies.get(cookie, "")
    if not hmac.compare_digest(shown.encode(), key.encode()):
        return _words(_NO_KEY, 401)
    if given is None:
        return None
    answer = RedirectResponse(request.url.path, status_code=303, headers=_HEADERS)
    is_secure = here.settings.url.startswith("https:")
    answer.set_cookie(cookie, key, httponly=True, samesite="lax", secure=is_secure)
    return answer
