"""What of the API a page in a browser may ask, by its cookies; everything else wants the token.

Every route of users stands in one of these lists, or a test fails: whoever adds one decides here.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request

from launcher.errors import UnauthorizedError
from launcher.server.sessions import Right, Sessions, Visitor

API = "/api/v1"
PAGE_HEADER = "x-launcher-page"
"""No form of another origin can send it, and no script of one without being allowed to."""

LOOKS = frozenset(
    {
        "/follow",
        "/jobs",
        "/jobs/{ref}",
        "/jobs/{ref}/why",
        "/jobs/{ref}/events",
        "/jobs/{ref}/logs",
        "/jobs/{ref}/logs/{attempt}/{rank}",
        "/jobs/{ref}/logs/{attempt}/{rank}/lines",
        "/jobs/{ref}/logs/{attempt}/{rank}/search",
        "/jobs/{ref}/metrics",
        "/jobs/{ref}/checkpoints",
        "/jobs/{ref}/outputs",
        "/jobs/{ref}/outputs/{rank}/files/{path:path}",
        "/jobs/{ref}/follow",
        "/jobs/{ref}/series",
        "/jobs/{ref}/curves",
        "/nodes/load",
        "/occupancy",
        "/projects",
        "/queue",
        "/retention",
        "/server",
        "/sparklines",
        "/visitor",
    }
)
"""GET alone; either cookie opens them."""

ACTS = frozenset(
    {
        ("GET", "/jobs/{ref}/code"),
        ("GET", "/jobs/{ref}/checkpoints/{checkpoint_id}/files/{path:path}"),
        ("POST", "/jobs"),
        ("POST", "/jobs/{ref}/cancel"),
        ("POST", "/jobs/{ref}/retry"),
        ("POST", "/plan"),
        ("POST", "/queue/cancel"),
        ("POST", "/queue/hold"),
        ("POST", "/queue/release"),
        ("POST", "/queue/priority"),
    }
)
"""A session opens them; those that change something want the header of a page beside it."""

TOKEN_ALONE = frozenset(
    {
        # Sessions begin with the token.
        ("POST", "/page-codes"),
        # Names and values of secrets, and keys that are derived from the server's.
        ("GET", "/secrets"),
        ("PUT", "/secrets/{name}"),
        ("DELETE", "/secrets/{name}"),
        ("POST", "/secrets/renew-key"),
        ("POST", "/notify/test"),
        ("POST", "/notify/key"),
        # Commands on the nodes.
        ("POST", "/jobs/{ref}/exec"),
        ("GET", "/exec/{identity}/output"),
        ("POST", "/exec/{identity}/input"),
        ("PUT", "/exec/{identity}/steering"),
        ("DELETE", "/exec/{identity}"),
        # What cannot be taken back.
        ("DELETE", "/jobs/{ref}"),
        ("POST", "/jobs/{ref}/declare-lost"),
        ("POST", "/prune"),
        ("PUT", "/retention"),
        ("POST", "/retention/apply"),
        # The server, what it is sent, and its clusters.
        ("POST", "/shutdown"),
        ("HEAD", "/packages/{digest}"),
        ("PUT", "/packages/{digest}"),
        ("POST", "/clusters/{name}/attach"),
        ("POST", "/clusters/{name}/detach"),
        ("PUT", "/projects/{name}"),
        ("DELETE", "/projects/{name}"),
    }
)


def visitor_of(request: Request, sessions: Sessions) -> Visitor:
    """Who sends the cookies of a request."""
    cookies = request.cookies
    return sessions.visitor(
        key=cookies.get(sessions.viewing_cookie, ""),
        session=cookies.get(sessions.session_cookie, ""),
    )


def right_for(method: str, path: str) -> Right | None:
    """What a route asks of a visitor; None: it asks for the token. `path`: as routes are written.

    A route that stands nowhere asks for the token.
    """
    if not path.startswith(f"{API}/"):
        return None
    rest = path.removeprefix(API)
    if method == "GET" and rest in LOOKS:
        return Right.LOOK
    return Right.ACT if (method, rest) in ACTS else None


def is_opened(request: Request, sessions: Sessions) -> bool:
    """The cookies of a request open what it asks for.

    Raises:
        UnauthorizedError: they are of a page that may look, and it asks to act.
    """
    visitor = visitor_of(request, sessions)
    if not visitor.may_look:
        return False
    route = request.scope.get("route")
    wanted = right_for(request.method, getattr(route, "path", ""))
    if wanted is None:
        return False
    if visitor.right < wanted:
        raise UnauthorizedError(
            "this page may look and not act", hint="launcher open prints an address that may act"
        )
    return request.method == "GET" or is_of_a_page(request)


def is_of_a_page(request: Request) -> bool:
    """Sent by a page of this server, not by one of another origin.

    Browsers say where a request comes from: in Sec-Fetch-Site, where the connection is one they
    trust, and in Origin.
    """
    headers = request.headers
    if headers.get(PAGE_HEADER) != "1":
        return False
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
