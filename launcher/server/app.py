"""The application: services, routes, and errors as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from launcher import __version__
from launcher.server.agents import Agents
from launcher.server.committing import Committing
from launcher.server.control import Control
from launcher.server.executors import Executors
from launcher.server.floor import Floor
from launcher.server.notify import Notifier
from launcher.server.routes import agent, executor, follow, jobs, pages, system
from launcher.server.routes.context import Services
from launcher.server.routes.errors import answer_errors
from launcher.server.scheduling import schedule_for_ever
from launcher.server.settings import Settings
from launcher.server.showing import Showing
from launcher.store import Store


def make_app(store: Store, settings: Settings, floor: Floor) -> FastAPI:
    """The application over an open store."""

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        control = Control(store, Notifier(asyncio.get_running_loop()), floor)
        agents = Agents(control)
        app.state.services = Services(
            settings,
            control,
            agents,
            Committing(control),
            Executors(control, agents),
            Showing(control, settings, time.time()),
        )
        scheduling = asyncio.create_task(schedule_for_ever(control, agents))
        try:
            yield
        finally:
            scheduling.cancel()
            await asyncio.wait([scheduling])

    # Its API page brings its own assets: nothing is asked from another origin.
    app = FastAPIOffline(
        docs_url="/docs", redoc_url=None, title="launcher", version=__version__, lifespan=life
    )
    for group in (
        system.open_router,
        system.router,
        jobs.router,
        follow.router,
        executor.router,
        agent.router,
        pages.router,
    ):
        app.include_router(group)
    answer_errors(app)
    return app
