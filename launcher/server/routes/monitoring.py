"""`/metrics`, for Prometheus."""

from __future__ import annotations

import hmac

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from launcher.errors import UnauthorizedError
from launcher.server.routes.context import Here, bearer


async def must_be_scraper(request: Request, here: Here) -> None:
    """For who has the key that reads figures and nothing else, or the server's token.

    Raises:
        UnauthorizedError: it is neither, and the server was not told to show them to everybody.
    """
    settings, sent = here.settings, bearer(request).encode()
    known = [settings.monitoring_key, settings.token]
    if settings.open_metrics or any(hmac.compare_digest(sent, key.encode()) for key in known):
        return
    raise UnauthorizedError(
        "/metrics asks for a token",
        hint="Prometheus' credentials_file: monitoring-token in the server's state folder; "
        "launcher server --open-metrics shows them to everybody",
    )


router = APIRouter(include_in_schema=False, dependencies=[Depends(must_be_scraper)])


@router.get("/metrics")
def metrics(request: Request, here: Here) -> Response:
    page, content_type = here.monitor.page(request.headers.get("accept", ""))
    return Response(page, headers={"Content-Type": content_type, "Cache-Control": "no-store"})
