"""The application: services, routes, and errors as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from functools import partial

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.applications import Starlette
from starlette.types import Lifespan

from launcher import __version__
from launcher.server.accounts import Accounts
from launcher.server.agents import Agents
from launcher.server.attaching import Attaching, keep_attached
from launcher.server.auditing import Audit, Auditing, forget_for_ever
from launcher.server.committing import Committing
from launcher.server.compacting import compact_for_ever
from launcher.server.control import Control
from launcher.server.draining import Draining
from launcher.server.executors import Executors
from launcher.server.floor import Floor
from launcher.server.floorplan import Palette
from launcher.server.gauge import Gauge, Noticing
from launcher.server.kubernetes import Kubernetes
from launcher.server.lapsing import Lapsing
from launcher.server.load import Load
from launcher.server.monitoring import Monitor
from launcher.server.notices import Notices, Outbox, send_for_ever
from launcher.server.notify import Notifier
from launcher.server.outputs import Outputs
from launcher.server.own_clusters import OwnClusters
from launcher.server.own_keeping import keep_own_clusters
from launcher.server.packages import Packages
from launcher.server.packing import Packing
from launcher.server.projects import Projects
from launcher.server.removing import Removing
from launcher.server.retaining import Retaining, retain_for_ever
from launcher.server.routes import (
    access,
    agent,
    attached,
    changes,
    curves,
    drains,
    executor,
    follow,
    jobs,
    load,
    locks,
    log_lines,
    monitoring,
    occupancy,
    outputs,
    pages,
    plan,
    projects,
    queue,
    removal,
    retention,
    secret,
    system,
    users,
    visit,
)
from launcher.server.routes import notices as notice_routes
from launcher.server.routes.context import Services
from launcher.server.routes.errors import answer_errors
from launcher.server.routes.feeds import Feeds
from launcher.server.routes.gate import AnswerInstead, answer_instead, gate
from launcher.server.scheduling import schedule_for_ever
from launcher.server.sealing import Sealer
from launcher.server.secret import Secrets
from launcher.server.sessions import Sessions
from launcher.server.settings import Settings
from launcher.server.showing import Showing
from launcher.server.sparklines import Sparklines
from launcher.server.standing import Standing
from launcher.server.stragglers import Stragglers
from launcher.server.submitting import Submitting
from launcher.server.sweeping import Sweeping, sweep_for_ever
from launcher.server.taking import Taking
from launcher.server.timing import Timing
from launcher.server.together import Together
from launcher.server.visits import Visits
from launcher.store import Store


def make_app(store: Store, settings: Settings, floor: Floor) -> FastAPI:
    """The application over an open store."""
    # Its API page brings its own assets: nothing is asked from another origin.
    app = FastAPIOffline(
        docs_url="/docs",
        redoc_url=None,
        title="launcher",
        version=__version__,
        lifespan=life_of(store, settings, floor),
        dependencies=[Depends(gate)],
    )
    for group in (
        agent.router,  # first: routes are tried in turn, and each agent asks every second
        system.open_router,
        system.router,
        jobs.router,
        log_lines.router,
        outputs.router,
        removal.router,
        retention.router,
        projects.router,
        access.router,
        users.router,
        queue.router,
        plan.router,
        secret.router,
        secret.agent_router,
        notice_routes.router,
        occupancy.router,
        changes.router,
        follow.router,
        curves.router,
        visit.router,
        visit.agent_router,
        executor.router,
        attached.router,
        drains.router,
        locks.router,
        load.router,
        monitoring.router,
        pages.api_router,
        pages.router,
    ):
        app.include_router(group)
    answer_errors(app)
    app.add_exception_handler(AnswerInstead, answer_instead)
    app.add_middleware(Auditing)
    app.add_middleware(Lapsing)
    app.add_middleware(Packing)
    app.add_middleware(Noticing)
    app.add_middleware(Timing)
    return app


def life_of(store: Store, settings: Settings, floor: Floor) -> Lifespan[Starlette]:
    """What lives as long as an application: the services in its state, and their loops."""

    @contextlib.asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        monitor = Monitor()
        control = Control(
            store,
            Notifier(asyncio.get_running_loop()),
            floor,
            outbox=Outbox(settings.url).take,
            monitor=monitor,
        )
        with store.read() as tx:
            floor.remember(tx)
        accounts = Accounts(control, settings.token, settings.executor_tokens)
        audit = Audit(control)
        secrets = Secrets(control, Sealer(settings.state_dir))
        notices = Notices(control, secrets)
        agents = Agents(control, output_limits=settings.output_limits, secrets=secrets)
        committing = Committing(control)
        attaching = Attaching(control, settings)
        removing = Removing(control, committing)
        visits, gauge = Visits(control), Gauge(settings.state_dir)
        monitor.registry.register(Standing(control, gauge))
        retaining = Retaining(control, committing, removing)
        executors = Executors(control, agents)
        own_clusters = OwnClusters(control, executors)
        control.own_words = own_clusters.words
        showing = Showing(
            control,
            settings,
            time.time(),
            lambda name: executors.refusal(name) or attaching.note(name),
            gauge,
            has_users=lambda: accounts.has_users,
        )
        node_load, stragglers = Load(control), Stragglers(control)
        store.metrics.on_reports = stragglers.take
        submitting = Submitting(control, gauge, showing, embedded=settings.embedded)
        await asyncio.to_thread(removing.finish_pending)
        await asyncio.to_thread(store.metrics.read_kept)
        app.state.services = Services(
            settings,
            control,
            agents,
            committing,
            executors,
            showing,
            Together(submitting.take),
            Outputs(control, committing, settings.output_limits),
            removing,
            Taking(control, retaining.log_size, node_load.take, stragglers.tell),
            gauge,
            retaining,
            attaching=attaching,
            own_clusters=own_clusters,
            kubernetes=Kubernetes(control, settings, own_clusters, attaching),
            secrets=secrets,
            notices=notices,
            visits=visits,
            projects=Projects(control),
            sessions=Sessions(
                settings.token,
                settings.page_key,
                store.server_id,
                has_users=lambda: accounts.has_users,
            ),
            accounts=accounts,
            audit=audit,
            packages=Packages(control),
            draining=Draining(control),
            palette=Palette(),
            monitor=monitor,
            load=node_load,
            sparklines=Sparklines(control),
            feeds=Feeds(store, control.notifier, partial(showing.job, with_spec=False)),
        )
        loops = [
            asyncio.create_task(schedule_for_ever(control, agents)),
            asyncio.create_task(keep_attached(attaching)),
            asyncio.create_task(keep_own_clusters(own_clusters, control)),
            asyncio.create_task(retain_for_ever(retaining)),
            asyncio.create_task(sweep_for_ever(Sweeping(control, committing))),
            asyncio.create_task(send_for_ever(notices, control)),
            asyncio.create_task(compact_for_ever(store)),
            asyncio.create_task(forget_for_ever(audit.forget, accounts.forget)),
        ]
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.wait(loops)
            await visits.close()

    return life
