"""A server among several on one PostgreSQL: it serves while it decides, else it passes on.

What the services know in memory is made anew with each lead, from the database, as at a start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from launcher.server.again import is_repeatable, refuse
from launcher.server.heart import Heart
from launcher.server.notify import is_set_within
from launcher.server.passing import BrokenOffError, Passing, Term, was_passed_on
from launcher.server.probes import answer_probe

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_LOST = "this server ceased to decide before it answered", "ask again"
Begin = Callable[[int, Callable[[], None]], AbstractAsyncContextManager[object]]
"""What lives as long as a lead of that epoch; told what to call when the database broke off."""


class Replica:
    """An application around the server's own.

    Args:
        app: the server's, which answers while `begin` is entered.
        begin: makes its services.
        heart: whether this server decides, and else who.
        passing: ways to who does.
        answers: looks whether the database answers; raises what keeps it from that.
    """

    def __init__(
        self,
        app: ASGIApp,
        begin: Begin,
        heart: Heart,
        passing: Passing,
        answers: Callable[[], None],
    ) -> None:
        self._app, self._begin, self._heart = app, begin, heart
        self._passing, self._answers = passing, answers
        self._lead: _Lead | None = None
        self._term: Term | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif not await answer_probe(scope, send, self._look):
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        lead = self._lead
        if lead is not None and lead.serves and self._heart.epoch == lead.epoch:
            await lead.answer(scope, receive, send)
            return
        term = self._now_decides()
        if term is None or was_passed_on(scope):
            await refuse(
                send,
                "no server decides just now" if term is None else "another server decides now",
                "one of them takes over within 10 s: ask again",
            )
            return
        try:
            if not await self._passing.pass_on(term, scope, receive, send):
                self._heart.look_soon()
                await refuse(
                    send,
                    f"the server that decides, {term.leader}, does not answer",
                    "another one takes over within 10 s: ask again",
                )
        except BrokenOffError:
            # An answer without its end: the client's connection is closed, as ours was.
            log.info("%s %s was broken off by %s", scope["method"], scope["path"], term.leader)

    def _now_decides(self) -> Term | None:
        """Which other server; what was passed on to the one before is given up."""
        leader = self._heart.leader
        if self._term is not None and self._term.leader != leader:
            self._term.over.set()
            self._term = None
        if self._term is None and leader is not None:
            self._term = Term(leader)
        return self._term

    def _look(self) -> str:
        """What keeps this server from answering; empty: nothing does."""
        self._answers()
        lead = self._lead
        if self._heart.leader or (lead is not None and lead.serves):
            return ""
        return "no server decides just now"

    # --- its life --------------------------------------------------------------------------------

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        loop = asyncio.get_running_loop()
        soon = asyncio.Event()

        def hurry() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(soon.set)

        self._heart.start(hurry)
        following = asyncio.create_task(self._follow(soon))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        following.cancel()
        await asyncio.wait({following})
        if self._lead is not None:
            await self._lead.end()
        await asyncio.to_thread(self._heart.stop)
        await self._passing.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _follow(self, soon: asyncio.Event) -> None:
        """Begin to serve when this server decides, and end it when it ceases to."""
        while True:
            self._now_decides()
            epoch, lead = self._heart.epoch, self._lead
            if lead is not None and (epoch != lead.epoch or lead.broke):
                self._lead = None
                await lead.end()
                if lead.broke:
                    await asyncio.to_thread(self._heart.let_go)
            elif lead is None and epoch is not None:
                broke = partial(self._heart.begin_anew, epoch)
                self._lead = _Lead(epoch, self._app, partial(self._begin, epoch, broke))
            await is_set_within(soon, _LOOK_S)
            soon.clear()


class _Lead:
    """The time in which this server decides: services, their loops, and requests they answer."""

    def __init__(
        self, epoch: int, app: ASGIApp, begin: Callable[[], AbstractAsyncContextManager[object]]
    ) -> None:
        self.epoch, self._app = epoch, app
        self.serves = self.broke = False
        self._ends = asyncio.Event()
        self._requests: set[asyncio.Task[None]] = set()
        self._life = asyncio.create_task(self._live(begin))

    async def _live(self, begin: Callable[[], AbstractAsyncContextManager[object]]) -> None:
        try:
            async with begin():
                self.serves = True
                await self._ends.wait()
        except Exception:
            log.exception("this server cannot decide")
            self.broke = True
        finally:
            self.serves = False

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As the application does; broken off when the lead ends."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        answering = asyncio.ensure_future(self._app(scope, receive, noted))
        self._requests.add(answering)
        try:
            await answering
        except asyncio.CancelledError:
            if not self._ends.is_set():
                raise
            if not begun:
                await refuse(send, *_LOST, retry=is_repeatable(scope))
        finally:
            self._requests.discard(answering)

    async def end(self) -> None:
        self.serves = False
        self._ends.set()
        for request in list(self._requests):
            request.cancel()
        await asyncio.wait({self._life})
