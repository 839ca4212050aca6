"""Writes down who changed what: before the change is answered, so that no answer is without it.

Those that come at the same moment are written in one transaction.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from launcher.model.access import Caller
from launcher.server.control import Control
from launcher.server.together import Together
from launcher.store import audit
from launcher.store.audit import Entry, StoredEntry

log = logging.getLogger(__name__)

NOTE = "launcher.audit"
"""The key of a request's scope with its `Note`; without one nothing is written."""
KEPT_S = 400 * 86400.0
"""A year, and the weeks in which somebody looks back at it."""
_FORGETS_EVERY_S = 3600.0
_LONGEST, _LONGEST_PROJECT, _BROKE = 2000, 100, 500


@dataclass
class Note:
    """What is known of a change while it is under way. Routes add what only they know."""

    caller: Caller
    did: str
    thing: str = ""
    project: str = ""
    said: str = ""
    """By whose name the owner does it."""
    address: str = ""
    is_written: bool = False
    """With the change itself."""

    def of(self, things: str | Sequence[str], project: str = "") -> None:
        """To what it is done, and whose that is."""
        self.thing = things if isinstance(things, str) else _joined(things)
        self.project = project or self.project


def _joined(things: Sequence[str]) -> str:
    """As many as an entry has room for, and how many more there were."""
    room = _LONGEST - len(f" and {len(things)} more")
    ends = itertools.accumulate(len(thing) + 2 for thing in things)
    many = sum(1 for end in ends if end <= room)
    more = f" and {len(things) - many} more" if many < len(things) else ""
    return ", ".join(things[:many]) + more


class Audit:
    """Belongs to the event loop, but for what is read."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._written: Together[Entry, None] = Together(self._write)

    async def write(self, note: Note, status: int) -> None:
        """Write one change; a disk that has no room for it is told in the log alone."""
        entry = Entry(
            self._control.clock(),
            note.caller.by(note.said),
            note.caller.token,
            note.did,
            note.thing[:_LONGEST],
            note.project[:_LONGEST_PROJECT],
            status,
            note.address,
        )
        try:
            await self._written.ask(entry)
        except Exception:  # it has happened: whoever asked shall hear of that
            log.exception("not in the audit: %s", entry)

    def _write(self, entries: Sequence[Entry]) -> list[None]:
        with self._control.store.begin() as tx:
            audit.append(tx, entries)
        return [None] * len(entries)

    def newest(
        self, limit: int, projects: Collection[str] | None, **which: Any
    ) -> list[StoredEntry]:
        """As the query of that name; of these projects alone, None: all."""
        with self._control.store.read() as tx:
            return audit.newest(tx, limit=limit, projects=projects, **which)

    def forget(self) -> int:
        """Let go what is older than `KEPT_S`."""
        with self._control.store.begin() as tx:
            return audit.forget(tx, self._control.clock() - KEPT_S)


async def forget_for_ever(*forgets: Callable[[], object]) -> None:
    """Let go of what is too old, now and then."""
    while True:
        await asyncio.sleep(_FORGETS_EVERY_S)
        for forget in forgets:
            try:
                await asyncio.to_thread(forget)
            except Exception:  # a disk that is full now has room again some day
                log.exception("what is too old was not let go")


class Auditing:
    """Wraps an application: what its gate noted is written once it is known how it is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                await write(message["status"])
            await send(message)

        async def write(status: int) -> None:
            note: Note | None = scope.pop(NOTE, None)
            if note is not None and not note.is_written:
                await scope["app"].state.services.audit.write(note, status)

        try:
            await self._app(scope, receive, send_noted)
        except Exception:
            await write(_BROKE)  # something of it may have happened
            raise


def address_of(scope: Scope) -> str:
    """From where a request came; behind a proxy also what that says of it, which nobody proves."""
    client = scope.get("client")
    own = client[0] if client else ""
    headers = dict(scope.get("headers", ()))
    told = headers.get(b"x-forwarded-for", b"").decode("latin-1").partition(",")[0].strip()
    return f"{own}, for {told[:100]}" if told and told != own else own
