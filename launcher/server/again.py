"""When a request may be sent again, and how one that was not answered is told so."""

from __future__ import annotations

import json

from starlette.datastructures import Headers
from starlette.types import Scope, Send

RETRY_AFTER_S = 1
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})


def is_repeatable(scope: Scope) -> bool:
    """To do it twice is to do it once."""
    return scope["method"] in _REPEATABLE or "idempotency-key" in Headers(scope=scope)


async def refuse(send: Send, text: str, hint: str, *, retry: bool = True) -> None:
    """Answer that it cannot be just now. `retry`: nothing was done, or it may be done twice."""
    if not retry:
        hint = "look whether it was done before you ask again"
    content = json.dumps({"error": text, "hint": hint}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
    ]
    if retry:
        headers.append((b"retry-after", str(RETRY_AFTER_S).encode()))
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": content})
