"""The application as uvicorn runs it: of a server alone, or of one among several on PostgreSQL."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from sqlalchemy import select
from starlette.types import ASGIApp

from launcher.errors import LauncherError
from launcher.server.app import life_of, make_app
from launcher.server.floor import Floor
from launcher.server.heart import Heart
from launcher.server.probes import Probes
from launcher.server.settings import Settings
from launcher.store import Store, dialect, tables
from launcher.store.database import Database
from launcher.store.leader import Leadership


def alone(store: Store, settings: Settings, floor: Floor) -> ASGIApp:
    """A server that nobody shares its database with."""

    def look() -> str:
        _ask(store)
        return ""

    return Probes(make_app(store, settings, floor), look)


def among_others(
    store: Store,
    settings: Settings,
    new_floor: Callable[[], Floor],
    database_url: str,
    trusted: ssl.SSLContext | None,
) -> ASGIApp:
    """One of several servers, or the only one, on a PostgreSQL database.

    Args:
        store: opened; it writes nothing by itself.
        settings: of the server.
        new_floor: makes what a lead knows of its clusters.
        database_url: of that database.
        trusted: certificates by which the servers know each other, where they speak TLS.

    Raises:
        LauncherError: what passes requests on is not installed.
    """
    try:
        from launcher.server.passing import Passing
        from launcher.server.replica import Replica
    except ModuleNotFoundError as error:  # a server alone needs nothing of it
        hint = "pip install 'trainlaunch[postgresql]' beside the server"
        raise LauncherError(f"several servers need {error.name}", hint=hint) from error
    app = make_app(store, settings, new_floor())
    # Connections of its own: those of all others may be waited for.
    beat = Database(dialect.postgresql_engine(database_url, size=2), settings.state_dir)

    def begin(epoch: int, broke: Callable[[], None]) -> AbstractAsyncContextManager[object]:
        return life_of(store.led(epoch, broke), settings, new_floor())(app)

    heart = Heart(Leadership(beat, settings.replica_url))
    return Replica(app, begin, heart, Passing(trusted), lambda: _ask(store))


def _ask(store: Store) -> None:
    """Have the database answer."""
    with store.read() as tx:
        tx.execute(select(tables.server.c.id)).one()
