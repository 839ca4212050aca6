"""What a browser may: look by the viewing key, act by a session that began with a one-time code.

A session is a signed text that the browser keeps: a server that starts anew knows it again, and
one whose token changed does not. Codes are remembered here for their minute.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

CODE_LASTS_S = 60.0
SESSION_LASTS_S = 7 * 24 * 3600.0
_MOST_CODES = 1000
_LONGEST_USER = 200


class Right(IntEnum):
    """Each contains those before it."""

    NONE = 0
    LOOK = 1
    ACT = 2


@dataclass(frozen=True)
class Visitor:
    """Who opened a page.

    Attributes:
        right: what its cookie is good for.
        user: by whose name it acts.
        token: id of the user's token by which it was opened, and with which it ends; empty: the
            server's own.
    """

    right: Right = Right.NONE
    user: str = ""
    token: str = ""

    @property
    def may_look(self) -> bool:
        return self.right >= Right.LOOK

    @property
    def may_act(self) -> bool:
        return self.right >= Right.ACT


class Sessions:
    """Thread-safe.

    Args:
        token: the server's, from which the key of the signatures is derived.
        page_key: what opens pages that only show.
        server_id: in the names of cookies. Those know no port, and several servers of one machine
            must not overwrite each other's.
        clock: seconds since the epoch.
        has_users: whether anybody has an account. Then nobody comes in by the viewing key, which
            shows the jobs of all.
    """

    def __init__(
        self,
        token: str,
        page_key: str,
        server_id: str,
        clock: Callable[[], float] = time.time,
        *,
        has_users: Callable[[], bool] = lambda: False,
    ) -> None:
        self._key = hmac.new(token.encode(), b"page sessions", hashlib.sha256).digest()
        self._page_key, self._clock, self._has_users = page_key, clock, has_users
        self._codes: dict[str, tuple[float, str, str]] = {}
        """By the hash of a code: until when it lasts, for whom, and the token it was asked by."""
        self._lock = threading.Lock()
        self.viewing_cookie = f"launcher-{server_id}"
        self.session_cookie = f"launcher-session-{server_id}"

    def new_code(self, user: str, token: str = "") -> str:
        """A code that begins one session, within a minute; `token`: as in `Visitor`."""
        code, now = secrets.token_urlsafe(24), self._clock()
        with self._lock:
            living = {digest: one for digest, one in self._codes.items() if one[0] > now}
            newest = list(living.items())[-(_MOST_CODES - 1) :]
            one = now + CODE_LASTS_S, user[:_LONGEST_USER], token
            self._codes = dict(newest) | {_digest(code): one}
        return code

    def redeem(self, code: str) -> str | None:
        """The session that a code begins; None when it was used, is too old, or never was one."""
        with self._lock:
            until, user, token = self._codes.pop(_digest(code), (0.0, "", ""))
        return self.new_session(user, token) if until > self._clock() else None

    def new_session(self, user: str, token: str = "") -> str:
        until = int(self._clock() + SESSION_LASTS_S)
        name = base64.urlsafe_b64encode(user.encode("utf-8", "replace")).decode().rstrip("=")
        body = f"{until}.{secrets.token_hex(8)}.{name}.{token}"
        return f"{body}.{self._sign(body)}"

    def visitor(self, *, key: str, session: str) -> Visitor:
        """Who sends such cookies."""
        found = self._of(session)
        if found is not None:
            return found
        return Visitor(Right.LOOK if key and self.opens(key) else Right.NONE)

    def opens(self, key: str) -> bool:
        """Whether it is the viewing key, and that opens anything."""
        is_key = hmac.compare_digest(key.encode(), self._page_key.encode())
        return is_key and not self._has_users()

    def _of(self, session: str) -> Visitor | None:
        body, _, signature = session.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(body).encode()):
            return None
        until, _, name, *token = body.split(".")  # ours; of older servers without a token
        if int(until) <= self._clock():
            return None
        user = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
        return Visitor(Right.ACT, user, *token)

    def _sign(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
