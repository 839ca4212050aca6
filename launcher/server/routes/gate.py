"""The one gate of the application: who asks, and whether they may, before any route runs.

It goes by the table of `launcher.server.access`. What a path names is found here, among what the
caller may look at: a job of another project is as one that there never was (404), and a route gets
the whole id of the one that is meant. What a body or a query names, the route looks at itself.
"""

from __future__ import annotations

import asyncio

from fastapi import Request
from fastapi.responses import Response

from launcher.errors import LauncherError, NotFoundError, UnauthorizedError
from launcher.model.access import OWNER, Action, Caller
from launcher.server.access import ACTION, CALLER, JOB, PROJECT, About, Audience, Rule, rule_of
from launcher.server.auditing import NOTE, Note, address_of
from launcher.server.routes.context import Here, Services, bearer
from launcher.server.routes.executor import speaker
from launcher.server.routes.monitoring import must_be_scraper
from launcher.server.routes.opened import caller_of_cookies, is_of_a_page, visitor_of
from launcher.server.routes.pages import entrance, page
from launcher.store import arrays, jobs

_TO_COME_IN = "set LAUNCHER_TOKEN, or launcher login; a server's own token is in its state folder"


class AnswerInstead(Exception):  # noqa: N818 - no error: an answer that no route gives
    """In place of a page somebody sees another one: how to get in, or what is wrong."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


async def answer_instead(_: Request, error: Exception) -> Response:
    assert isinstance(error, AnswerInstead)
    return error.response


async def gate(request: Request, here: Here) -> None:
    """Let a request through, or refuse it.

    Raises:
        UnauthorizedError: nobody is known who may ask this.
        ForbiddenError: somebody is who may not.
        NotFoundError: what the path names is none that the caller may look at.
    """
    path = getattr(request.scope.get("route"), "path", "")
    rule = rule_of(request.method, path)
    assert rule is not None, f"{request.method} {path} has no rule in launcher/server/access.py"
    if rule.audience is Audience.AGENTS:
        request.scope[JOB] = _job_of(request, here)
    elif rule.audience is Audience.PAGES:
        try:
            await _let_in(request, here, rule, await asyncio.to_thread(_visitor, request, here))
        except LauncherError as error:
            raise AnswerInstead(page.failed(request, here, error)) from error
    elif rule.audience is Audience.EXECUTORS:
        await speaker(request, here)  # for which cluster, its route asks
    elif rule.audience is Audience.SCRAPERS:
        await must_be_scraper(request, here)
    elif rule.audience is Audience.USERS:
        await _let_in(request, here, rule, await _user(request, here, rule))


def _job_of(request: Request, here: Services) -> str:
    job_id = here.control.job_of_token(bearer(request))
    if job_id is None:
        raise UnauthorizedError("no valid job token")
    return job_id


# --- who -----------------------------------------------------------------------------------------


async def _user(request: Request, here: Services, rule: Rule) -> Caller:
    token = bearer(request)
    if here.accounts.is_owner(token):
        return OWNER
    return await asyncio.to_thread(_known_user, request, here, rule, token)


def _known_user(request: Request, here: Services, rule: Rule, token: str) -> Caller:
    if "authorization" not in request.headers:
        return _of_a_page(request, here, rule)
    caller = here.accounts.caller(token)
    if caller is None and not token:
        raise UnauthorizedError("this server asks for a token, and none was sent", hint=_TO_COME_IN)
    if caller is None:
        raise UnauthorizedError(
            "this server does not know the token that was sent",
            hint="has it expired, or been revoked? launcher login takes another one; unset "
            "LAUNCHER_TOKEN, if a wrong one is set there",
        )
    return caller


def _of_a_page(request: Request, here: Services, rule: Rule) -> Caller:
    """Who sends the cookies of a page that may ask this.

    Raises:
        UnauthorizedError: no page may, or this one may look and not act.
    """
    visitor = visitor_of(request, here.sessions)
    caller = caller_of_cookies(visitor, here.accounts)
    if caller is None or rule.cookie is None:
        raise UnauthorizedError("this server asks for a token, and none was sent", hint=_TO_COME_IN)
    if visitor.right < rule.cookie:
        raise UnauthorizedError(
            "this page may look and not act", hint="launcher open prints an address that may act"
        )
    if request.method != "GET" and not is_of_a_page(request):
        raise UnauthorizedError("this was not sent by a page of this server", hint=_TO_COME_IN)
    return caller


def _visitor(request: Request, here: Services) -> Caller:
    """Raises AnswerInstead: nobody is known by the cookies, or they are just being given."""
    answer = entrance.in_place_of(request, here)
    caller = caller_of_cookies(visitor_of(request, here.sessions), here.accounts)
    if answer is not None or caller is None:
        raise AnswerInstead(answer or page.closed(request, here))
    return caller


# --- what ----------------------------------------------------------------------------------------


async def _let_in(request: Request, here: Services, rule: Rule, caller: Caller) -> None:
    request.scope[CALLER], request.scope[ACTION] = caller, rule.action
    note = Note(caller, rule.did, address=address_of(request.scope))
    if rule.did:
        note.thing = ", ".join(map(str, request.path_params.values()))
        request.scope[NOTE] = note
    if rule.about is About.SERVER:
        caller.expect(rule.action)
    elif rule.about is About.PROJECT:
        note.project = request.path_params["name"]
        caller.expect(rule.action, note.project)
    elif rule.about is About.VISIT:
        await asyncio.to_thread(_expect_visit, request, here, caller)
    elif rule.about in {About.JOB, About.JOBS} and (rule.did or caller.within is not None):
        project = await asyncio.to_thread(_find, request, here, rule, caller)
        note.thing, note.project = request.path_params["ref"], project
        request.scope[PROJECT] = project
        caller.expect(rule.action, project)


def _find(request: Request, here: Services, rule: Rule, caller: Caller) -> str:
    """The project of the job that the path names, which then has its whole id there.

    Raises:
        NotFoundError: none that the caller may look at; ConflictError: several.
    """
    ref = request.path_params["ref"]
    with here.control.store.read() as tx:
        array_id = None
        if rule.about is About.JOBS:
            array_id = jobs.find_array(tx, ref, caller.within)
        job_id = array_id or jobs.find_one(tx, ref, caller.within)
        first = arrays.elements(tx, array_id)[0] if array_id else job_id
        request.path_params["ref"] = job_id
        return jobs.projects_of(tx, [first])[first]


def _expect_visit(request: Request, here: Services, caller: Caller) -> None:
    """Raises NotFoundError: the command is another one's, or its job not the caller's any more."""
    visit = here.visits.find(request.path_params["identity"])
    with here.control.store.read() as tx:
        project = jobs.projects_of(tx, [visit.place.job_id]).get(visit.place.job_id, "")
    if visit.caller != caller.name or not caller.may(Action.ACT, project):
        raise NotFoundError("this server does not know that command of `launcher exec`")
    request.scope[PROJECT] = project
