"""What routes find in the application: its services, who asks, and how it is answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Header, Path, Query, Request
from fastapi.responses import JSONResponse

from launcher.errors import DiskFullError, SpecError, UnauthorizedError
from launcher.model import codec
from launcher.model.access import Caller
from launcher.server.access import CALLER, JOB
from launcher.server.accounts import Accounts
from launcher.server.agents import Agents
from launcher.server.attaching import Attaching
from launcher.server.auditing import NOTE, Audit, Note
from launcher.server.committing import Committing
from launcher.server.control import Control
from launcher.server.draining import Draining
from launcher.server.executors import Executors
from launcher.server.floorplan import Palette
from launcher.server.gauge import Gauge
from launcher.server.kubernetes import Kubernetes
from launcher.server.load import Load
from launcher.server.monitoring import Monitor
from launcher.server.notices import Notices
from launcher.server.outputs import Outputs
from launcher.server.own_clusters import OwnClusters
from launcher.server.packages import Packages
from launcher.server.projects import Projects
from launcher.server.removing import Removing
from launcher.server.retaining import Retaining
from launcher.server.routes import cursor
from launcher.server.routes.feeds import Feeds
from launcher.server.secret import Secrets
from launcher.server.sessions import Sessions
from launcher.server.settings import Settings
from launcher.server.showing import Showing
from launcher.server.sparklines import Sparklines
from launcher.server.submitting import Taken, Wish
from launcher.server.taking import Taking
from launcher.server.together import Together
from launcher.server.visits import Visits

T = TypeVar("T")

LARGEST = cursor.LARGEST
Number = Annotated[int, Path(ge=0, le=LARGEST)]
"""In the path of an address; `Count`: in its query."""
Count = Annotated[int, Query(ge=0, le=LARGEST)]
Key = Annotated[str | None, Header(max_length=200, alias="Idempotency-Key")]
"""It stands in an index, whose rows have a bound."""
LogName = Literal["log", "setup"]
"""Of a rank: what it printed, or what was said while its node's environment was made."""
Wait = Annotated[float, Query(ge=0, allow_inf_nan=False)]
"""Seconds that an answer may take when there is nothing new."""
LONGEST_WAIT_S = 20.0


@dataclass(frozen=True)
class Services:
    settings: Settings
    control: Control
    agents: Agents
    committing: Committing
    executors: Executors
    showing: Showing
    submits: Together[Wish, Taken]
    outputs: Outputs
    removing: Removing
    taking: Taking
    gauge: Gauge
    retaining: Retaining
    attaching: Attaching
    own_clusters: OwnClusters
    kubernetes: Kubernetes
    secrets: Secrets
    notices: Notices
    visits: Visits
    projects: Projects
    monitor: Monitor
    load: Load
    sparklines: Sparklines
    feeds: Feeds
    sessions: Sessions
    palette: Palette
    accounts: Accounts
    audit: Audit
    packages: Packages
    draining: Draining


class Answer(JSONResponse):
    """JSON, made where it is called: in the thread that has the data, not in the event loop.

    ASCII, for what agents send may hold halves of surrogate pairs (names of files that are no
    UTF-8): those come back as they went.
    """

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


# A coroutine, as those below: FastAPI would take a thread for each plain function.
async def services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


Here = Annotated[Services, Depends(services)]


def bearer(request: Request) -> str:
    """The token of a request, from its header alone."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


async def caller(request: Request) -> Caller:
    """Who asks, as the gate found.

    Raises:
        UnauthorizedError: nobody who is known; the gate lets no such request come here.
    """
    found: Caller | None = request.scope.get(CALLER)
    if found is None:
        raise UnauthorizedError("this server asks for a token, and none was sent")
    return found


must_be_user = caller
"""Of routers whose routes are for users: they would be answered to nobody without the gate."""
Asks = Annotated[Caller, Depends(caller)]


async def note(request: Request, asks: Asks) -> Note:
    """What the audit will say of this request; routes add what they alone know."""
    found: Note = request.scope.get(NOTE) or Note(asks, "")
    return found


Noted = Annotated[Note, Depends(note)]


async def job_of_agent(request: Request) -> str:
    """The job that an agent's token opens, as the gate found.

    Raises:
        UnauthorizedError: it opens none.
    """
    job_id: str | None = request.scope.get(JOB)
    if job_id is None:
        raise UnauthorizedError("no valid job token")
    return job_id


AgentsJob = Annotated[str, Depends(job_of_agent)]


async def expect_room(request: Request, here: Services, what: str) -> None:
    """Refuse a body that the disk has no room for, once it was passed over.

    Raises:
        DiskFullError: see there.
    """
    try:
        here.gauge.expect_room(what, int(request.headers.get("content-length") or 0))
    except DiskFullError:
        async for _ in request.stream():  # who is still sending would not hear the answer
            pass
        raise


async def message(request: Request, cls: type[T]) -> T:
    """The body as a message of the wire.

    Raises:
        SpecError: it does not have that shape.
    """
    return read_as(cls, await request.body())


def read_as(cls: type[T], body: bytes) -> T:
    """A message of the wire from its JSON.

    Raises:
        SpecError: it does not have that shape.
    """
    try:
        return codec.decode(cls, json.loads(body))
    except (ValueError, RecursionError) as error:
        raise SpecError(f"not a {cls.__name__}: {error}") from error
