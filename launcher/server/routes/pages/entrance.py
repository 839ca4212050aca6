"""How a browser comes in: by the viewing key, which only shows, or by a code, which may act."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from launcher.server.routes.context import Answer, Asks, Here, Services, must_be_user
from launcher.server.routes.opened import visitor_of
from launcher.server.routes.pages import page
from launcher.server.sessions import CODE_LASTS_S, SESSION_LASTS_S

router = APIRouter()
api_router = APIRouter(prefix="/api/v1", tags=["pages"], dependencies=[Depends(must_be_user)])


class CodeWish(BaseModel):
    job: str = ""
    """Whose page is opened; empty: that of all jobs."""
    user: str = ""


@api_router.post("/page-codes", status_code=201)
def new_code(here: Here, asks: Asks, wish: CodeWish) -> Answer:
    """A path of this server that opens a page which may act: once, within a minute.

    The page has the rights of who asks for it, for as long as the token that was sent is valid.
    """
    where = f"/jobs/{here.control.resolve(wish.job, asks.within)}" if wish.job else "/"
    code = here.sessions.new_code(asks.by(wish.user), asks.token)
    path = f"/open?code={code}&to={where}"
    return Answer({"path": path, "lasts_s": CODE_LASTS_S}, status_code=201)


@api_router.get("/visitor")
def who(request: Request, here: Here) -> Answer:
    """What the cookies of a page let it do, and by whose name."""
    visitor = page.visitor(request, here)
    return Answer({"may_act": visitor.may_act, "user": visitor.user})


def within(to: str) -> str:
    r"""Where to go on: a page of this server, or its first one.

    Browsers pass over tabs and line ends, so that what holds one may be another site to them.

    >>> within("/jobs/digits-k3m9ap"), within("//evil.example"), within("/\t/evil.example")
    ('/jobs/digits-k3m9ap', '/', '/')
    """
    is_here = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable()
    return to if is_here else "/"


@router.get("/open")
def open_(request: Request, here: Here, code: str = "", to: str = "/") -> Response:
    """Begin a session.

    Answers with a page that goes on by itself, not with a redirect: a browser that came from
    another site would not send the new cookie to where that leads.
    """
    session = here.sessions.redeem(code)
    if session is None:
        told = "This address was used already, or is older than a minute."
        return page.closed(request, here, told)
    answer = page.opening(request, here, within(to))
    _keep(answer, here, here.sessions.session_cookie, session, SESSION_LASTS_S)
    if not here.accounts.has_users:
        _keep(answer, here, here.sessions.viewing_cookie, here.settings.page_key)
    return answer


def in_place_of(request: Request, here: Services) -> Response | None:
    """What is answered in place of a page; None: the page may be shown.

    The viewing key comes once in the address, then as a cookie that scripts cannot read.
    """
    given = request.query_params.get("key")
    if given is None:
        may_look = visitor_of(request, here.sessions).may_look
        return None if may_look else page.closed(request, here)
    if here.accounts.has_users:
        told = "This server has users: its addresses hold no keys that open pages of others."
        return page.closed(request, here, told)
    if not here.sessions.opens(given):
        return page.closed(request, here, "The key in this address is of another server or token.")
    rest = request.url.remove_query_params("key")
    where = f"{rest.path}?{rest.query}" if rest.query else rest.path
    answer = RedirectResponse(where, status_code=303, headers=page.HEADERS)
    _keep(answer, here, here.sessions.viewing_cookie, given)
    return answer


def _keep(
    answer: Response, here: Services, name: str, value: str, lasts_s: float | None = None
) -> None:
    acts = name == here.sessions.session_cookie
    how: dict[str, Any] = {"httponly": True, "secure": here.settings.url.startswith("https:")}
    how["samesite"] = "strict" if acts else "lax"
    answer.set_cookie(name, value, max_age=int(lasts_s) if lasts_s else None, **how)
