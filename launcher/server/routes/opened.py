"""What the cookies of a browser say: who opened its page, and whether a page of ours asks.

Which route a cookie opens stands in the table of `launcher.server.access`.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from fastapi import Request

from launcher.model.access import ONLOOKER, OWNER, Caller
from launcher.server.accounts import Accounts
from launcher.server.sessions import Sessions, Visitor

PAGE_HEADER = "x-launcher-page"
"""No form of another origin can send it, and no script of one without being allowed to."""


def visitor_of(request: Request, sessions: Sessions) -> Visitor:
    """Who sends the cookies of a request."""
    cookies = request.cookies
    return sessions.visitor(
        key=cookies.get(sessions.viewing_cookie, ""),
        session=cookies.get(sessions.session_cookie, ""),
    )


def caller_of_cookies(visitor: Visitor, accounts: Accounts) -> Caller | None:
    """With whose rights a page asks: those of the user who opened it, as they are now.

    None: nobody's, or the token by which it was opened is not valid any more.
    """
    if visitor.token:
        return accounts.caller_of(visitor.token)
    if visitor.may_act:
        return replace(OWNER, said=visitor.user)
    return ONLOOKER if visitor.may_look else None


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
