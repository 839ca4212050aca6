"""How a page is answered: its template, what every template knows, and its headers."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.templating import Jinja2Templates
from markupsafe import Markup

from launcher import __version__
from launcher.errors import LauncherError
from launcher.model.access import Action, Caller
from launcher.server.access import CALLER
from launcher.server.routes.context import Services
from launcher.server.routes.errors import status_of
from launcher.server.routes.opened import visitor_of
from launcher.server.routes.pages.assets import address_of
from launcher.server.sessions import Right, Visitor
from launcher.units import format_duration, format_size

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Vary": "HX-Request",
}


def answer(
    request: Request, here: Services, template: str, data: dict[str, Any], status: int = 200
) -> Response:
    """A page, or the part of one that a script asked for, for who may look.

    Args:
        request: with the cookies of who asks.
        here: the services.
        template: its file in `templates`; parts are the files whose names begin with `_`.
        data: what it shows.
        status: of the answer.
    """
    told = {"visitor": visitor(request, here, data.get("job")), "server": _about(here)}
    return _rendered(request, here, template, told | data, status)


def failed(request: Request, here: Services, error: LauncherError) -> Response:
    """A page that tells an error, to who may look."""
    return answer(request, here, "failed.html", {"error": error}, status_of(error))


def closed(request: Request, here: Services, told: str = "") -> Response:
    """What somebody sees who came without a key; `told`: what was wrong with the one they had."""
    data = {"visitor": Visitor(), "server": None, "told": told}
    return _rendered(request, here, "closed.html", data, 401)


def opening(request: Request, here: Services, to: str) -> Response:
    """A page that goes on to another one at once."""
    data = {"visitor": Visitor(), "server": None, "to": to}
    return _rendered(request, here, "opening.html", data, 200)


def is_part(request: Request) -> bool:
    """A script of a page asks, for the part of it that it will put in place."""
    return "hx-request" in request.headers


def _rendered(
    request: Request, here: Services, template: str, data: dict[str, Any], status: int
) -> Response:
    told = {"now": here.control.clock()} | data
    return _templates.TemplateResponse(request, template, told, headers=HEADERS, status_code=status)


def visitor(request: Request, here: Services, job: Any = None) -> Visitor:
    """Who looks, and whether buttons are of any use to them: of this job, or of any at all."""
    found = visitor_of(request, here.sessions)
    caller: Caller | None = request.scope.get(CALLER)
    if caller is None or not found.may_act:
        return found
    projects = list(caller.roles) if job is None else [job.project]
    acts = caller.is_admin or any(caller.may(Action.ACT, one) for one in projects)
    return replace(found, user=caller.by(), right=Right.ACT if acts else Right.LOOK)


def _about(here: Services) -> dict[str, Any]:
    """What the head of every page says of the server."""
    clusters = here.control.floor.clusters()
    return {
        "version": __version__,
        "notice": here.gauge.words(),
        "clusters": [
            {"name": one.name, "live": one.is_live, "nodes": len(one.nodes)} for one in clusters
        ],
    }


def _printable(value: Any) -> Any:
    """What programs wrote may hold halves of surrogate pairs, which no page can."""
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return value.encode("utf-8", "replace").decode() if is_text else value


def _moment(at: float | None) -> str:
    """An attribute `datetime`: UTC, to the millisecond."""
    if at is None:
        return ""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
    return f"{whole}.{int(at % 1 * 1000):03d}Z"


_templates = Jinja2Templates(Path(__file__).parents[2] / "templates")
_templates.env.finalize = _printable
_templates.env.trim_blocks = _templates.env.lstrip_blocks = True
_templates.env.globals["asset"] = address_of
_templates.env.filters["duration"] = format_duration
_templates.env.filters["size"] = format_size
_templates.env.filters["moment"] = _moment
_templates.env.filters["clock"] = lambda at: time.strftime("%H:%M:%S", time.localtime(at))
