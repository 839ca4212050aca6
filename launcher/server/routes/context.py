"""What routes find in the application: its services, and who asks."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from launcher.errors import SpecError, UnauthorizedError
from launcher.model import codec
from launcher.server.agents import Agents
from launcher.server.control import Control
from launcher.server.executors import Executors
from launcher.server.settings import Settings
from launcher.server.showing import Showing

T = TypeVar("T")


@dataclass(frozen=True)
class Services:
    settings: Settings
    control: Control
    agents: Agents
    executors: Executors
    showing: Showing


def services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


Here = Annotated[Services, Depends(services)]


def bearer(request: Request) -> str:
    """The token of a request, from its header alone: no cookie opens the API."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def must_be_user(request: Request, here: Here) -> None:
    """Only for who has the server's token.

    Raises:
        UnauthorizedError: the token is missing or another one.
    """
    if not hmac.compare_digest(bearer(request).encode(), here.settings.token.encode()):
        raise UnauthorizedError(
            "this server does not know the token that was sent",
            hint="set LAUNCHER_TOKEN, or unset it to use your own server's",
        )


def job_of_agent(request: Request, here: Here) -> str:
    """The job that an agent's token opens.

    Raises:
        UnauthorizedError: it opens none.
    """
    job_id = here.control.job_of_token(bearer(request))
    if job_id is None:
        raise UnauthorizedError("no valid job token")
    return job_id


AgentsJob = Annotated[str, Depends(job_of_agent)]


async def message(request: Request, cls: type[T]) -> T:
    """The body as a message of the wire.

    Raises:
        SpecError: it does not have that shape.
    """
    try:
        data: Any = await request.json()
        return codec.decode(cls, data)
    except ValueError as error:
        raise SpecError(f"not a {cls.__name__}: {error}") from error
