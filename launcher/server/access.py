"""Who may ask which route: the one table of all of them, also of pages, agents and executors.

A route that does not stand here is answered to nobody, and a test fails until somebody decided.
`launcher.server.routes.gate` goes by it before any route runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from launcher.model.access import Action
from launcher.server.sessions import Right

API = "/api/v1"
SUBMITTED = "job.submit"
"""What the audit calls a new job: written with it, in one transaction."""
CALLER, JOB, PROJECT = "launcher.caller", "launcher.job", "launcher.project"
ACTION = "launcher.action"
"""Keys of a request's scope, once the gate knows: who asks, the job of an agent that does, whose is
what the path names, and what is done to that."""


class Audience(Enum):
    """Whose tokens a route knows. None of them opens what is another's."""

    EVERYBODY = "everybody"
    USERS = "users"
    PAGES = "pages"
    """Users too, by the cookies of their browsers alone; who has none is shown how to get in."""
    AGENTS = "agents"
    EXECUTORS = "executors"
    SCRAPERS = "scrapers"


class About(Enum):
    """What a route is about, so whose project decides; what the path names, the gate finds."""

    SERVER = "the server"
    JOB = "the job {ref}"
    JOBS = "the job or the array {ref}"
    PROJECT = "the project {name}"
    VISIT = "the command {identity} of `launcher exec`"
    GIVEN = "what the body or the query names: the route itself asks `Caller.expect`"
    LISTED = "all that the caller may look at: the route itself goes by `Caller.within`"


@dataclass(frozen=True)
class Rule:
    """Of one route.

    Attributes:
        audience: whose tokens it knows.
        action: what it does.
        about: to what.
        cookie: what a page's cookie must be good for; None: no cookie opens it.
        did: what the audit calls it; empty for what changes nothing.
    """

    audience: Audience
    action: Action = Action.LOOK
    about: About = About.SERVER
    cookie: Right | None = None
    did: str = ""


def rule_of(method: str, path: str) -> Rule | None:
    """The rule of a route; None: nobody decided. `path`: as the route writes it."""
    return TABLE.get((method, path))


def _looks(about: About, *paths: str) -> Iterator[tuple[tuple[str, str], Rule]]:
    """GET routes of the API that any cookie opens."""
    for path in paths:
        yield ("GET", API + path), Rule(Audience.USERS, Action.LOOK, about, Right.LOOK)


def _does(
    action: Action, about: About, routes: Mapping[str, str], cookie: Right | None = None
) -> Iterator[tuple[tuple[str, str], Rule]]:
    """Routes of the API that do more than look, as `POST /jobs`: what the audit calls them."""
    for route, did in routes.items():
        method, _, path = route.partition(" ")
        yield (method, API + path), Rule(Audience.USERS, action, about, cookie, did)


def _of(audience: Audience, *routes: str) -> Iterator[tuple[tuple[str, str], Rule]]:
    for route in routes:
        method, _, path = route.partition(" ")
        yield (method, path), Rule(audience)


def _pages(about: About, *paths: str) -> Iterator[tuple[tuple[str, str], Rule]]:
    for path in paths:
        yield ("GET", path), Rule(Audience.PAGES, Action.LOOK, about, Right.LOOK)


TABLE: dict[tuple[str, str], Rule] = {
    **dict(
        _of(
            Audience.EVERYBODY,
            "GET /api/v1/healthz", "GET /healthz", "GET /readyz",
            # Nothing in these is of this server's jobs.
            "GET /assets/{digest}/{name:path}", "GET /openapi.json", "GET /docs",
            "GET /docs/oauth2-redirect",
            # Begins a session by a code that is good once.
            "GET /open",
        )
    ),
    **dict(_of(Audience.SCRAPERS, "GET /metrics")),
    **dict(
        _of(
            Audience.AGENTS,
            "POST /api/v1/agent/sync", "GET /api/v1/agent/setup/{allocation}",
            "GET /api/v1/agent/job", "POST /api/v1/agent/append",
            "POST /api/v1/agent/blobs/missing", "PUT /api/v1/agent/blobs/{digest}",
            "GET /api/v1/agent/blobs/{digest}", "POST /api/v1/agent/checkpoints",
            "GET /api/v1/agent/watched", "GET /api/v1/agent/checkpoints/{checkpoint_id}",
            "POST /api/v1/agent/outputs", "POST /api/v1/agent/sealed",
            "GET /api/v1/agent/lock", "PUT /api/v1/agent/lock",
            "GET /api/v1/agent/visits/{identity}/input",
            "POST /api/v1/agent/visits/{identity}/output",
            "POST /api/v1/agent/visits/{identity}/end",
        )
    ),
    **dict(
        _of(
            Audience.EXECUTORS,
            "POST /api/v1/executor/session", "GET /api/v1/executor/desired",
            "POST /api/v1/executor/report",
        )
    ),
    **dict(_pages(About.LISTED, "/", "/compare", "/cluster")),
    **dict(
        _pages(
            About.JOB, "/jobs/{ref}", "/jobs/{ref}/diff",
            "/jobs/{ref}/outputs/{rank}/picture/{path:path}",
        )
    ),
    **dict(
        _looks(
            About.JOB,
            "/jobs/{ref}", "/jobs/{ref}/why", "/jobs/{ref}/events", "/jobs/{ref}/follow",
            "/jobs/{ref}/logs", "/jobs/{ref}/logs/{attempt}/{rank}",
            "/jobs/{ref}/logs/{attempt}/{rank}/lines", "/jobs/{ref}/logs/{attempt}/{rank}/search",
            "/jobs/{ref}/metrics", "/jobs/{ref}/series", "/jobs/{ref}/curves",
            "/jobs/{ref}/summaries",
            "/jobs/{ref}/checkpoints", "/jobs/{ref}/outputs",
            "/jobs/{ref}/outputs/{rank}/files/{path:path}",
        )
    ),
    **dict(
        _looks(
            About.LISTED,
            "/jobs", "/queue", "/sparklines", "/occupancy", "/projects", "/retention",
        )
    ),
    **dict(
        _looks(
            About.SERVER, "/server", "/follow", "/nodes/load", "/drains", "/visitor", "/whoami",
        )
    ),
    # What a page that acts may have, and one that only shows may not.
    **dict(
        _does(
            Action.LOOK,
            About.JOB,
            {
                "GET /jobs/{ref}/code": "",
                "GET /jobs/{ref}/checkpoints/{checkpoint_id}/files/{path:path}": "",
            },
            Right.ACT,
        )
    ),
    **dict(
        _does(
            Action.ACT,
            About.JOB,
            {"POST /jobs/{ref}/cancel": "job.cancel", "POST /jobs/{ref}/retry": "job.retry"},
            Right.ACT,
        )
    ),
    **dict(
        _does(
            Action.ACT,
            About.GIVEN,
            {
                "POST /jobs": SUBMITTED,
                "POST /plan": "",
                "POST /queue/cancel": "job.cancel",
                "POST /queue/hold": "job.hold",
                "POST /queue/release": "job.release",
                "POST /queue/priority": "job.priority",
                "POST /queue/limit": "job.limit",
            },
            Right.ACT,
        )
    ),
    # No cookie opens what follows.
    **dict(_does(Action.LOOK, About.GIVEN, {"POST /page-codes": "page.open"})),
    **dict(_does(Action.LOOK, About.LISTED, {"GET /secrets": "", "GET /audit": ""})),
    **dict(
        _does(
            Action.LOOK,
            About.SERVER,
            # Everybody has tokens of his own; whose they are, the route looks at.
            {
                "HEAD /packages/{digest}": "",
                "PUT /packages/{digest}": "",
                "GET /tokens": "",
                "POST /tokens": "token.create",
                "DELETE /tokens/{identity}": "token.revoke",
            },
        )
    ),
    **dict(
        _does(
            Action.ACT,
            About.JOB,
            {
                "POST /jobs/{ref}/exec": "job.exec",
                "POST /jobs/{ref}/declare-lost": "job.declare-lost",
            },
        )
    ),
    **dict(_does(Action.ACT, About.JOBS, {"DELETE /jobs/{ref}": "job.remove"})),
    **dict(
        _does(
            Action.ACT,
            About.VISIT,
            {
                "GET /exec/{identity}/output": "",
                "POST /exec/{identity}/input": "",
                "PUT /exec/{identity}/steering": "",
                "DELETE /exec/{identity}": "",
            },
        )
    ),
    **dict(
        _does(
            Action.ACT,
            About.GIVEN,
            {
                "PUT /secrets/{name}": "secret.set",
                "DELETE /secrets/{name}": "secret.remove",
                "POST /notify/test": "notify.test",
            },
        )
    ),
    **dict(
        _does(
            Action.MANAGE,
            About.GIVEN,
            {"POST /prune": "job.prune", "PUT /retention": "retention.set"},
        )
    ),
    **dict(
        _does(
            Action.LOOK,
            About.PROJECT,
            {"GET /projects/{name}": ""},
        )
    ),
    **dict(
        _does(
            Action.MANAGE,
            About.PROJECT,
            {
                "PUT /projects/{name}/members/{user}": "project.grant",
                "DELETE /projects/{name}/members/{user}": "project.revoke",
            },
        )
    ),
    **dict(
        _does(
            Action.SERVE,
            About.SERVER,
            {
                "POST /secrets/renew-key": "secret.renew-key",
                "POST /notify/key": "notify.key",
                "POST /retention/apply": "retention.apply",
                "POST /shutdown": "server.shutdown",
                "POST /clusters/{name}/attach": "cluster.attach",
                "POST /clusters/{name}/kubernetes": "cluster.attach",
                "POST /clusters/{name}/detach": "cluster.detach",
                "POST /drains": "node.drain",
                "POST /drains/end": "node.undrain",
                "PUT /projects/{name}": "project.quota",
                "DELETE /projects/{name}": "project.quota",
                "PUT /projects/{name}/clusters/{cluster}": "project.clusters",
                "DELETE /projects/{name}/clusters/{cluster}": "project.clusters",
                "GET /users": "",
                "POST /users": "user.add",
                "PUT /users/{name}": "user.set",
            },
        )
    ),
}  # fmt: skip
"""(method, path as the route writes it) -> its rule."""
