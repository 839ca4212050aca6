"""One visit as the server knows it: who takes part, what is on its way, when it is over. Pure.

A visit lives in the server's memory alone. The server ends it when one of those who carry it has
left; whoever carries it beside then finds that it is known no more, and ends its part too.
"""

from __future__ import annotations

from dataclasses import replace

from launcher.model.visit import AWAY_S, VisitEnd, VisitOrder
from launcher.model.visited import Place
from launcher.server.window import Window

TAKE_S = 10.0
"""An agent that has not come for a visit by then does not know what a visit is, or is gone."""
SETTLE_S = 3.0
"""How long the agent's own word is awaited when the job's attempt is over: it may be more."""


class Presence:
    """Whether somebody is there: in a request now, or not long ago. `now`: a monotonic clock."""

    def __init__(self, now: float) -> None:
        self._requests = 0
        self._seen_at = now

    def come(self) -> None:
        self._requests += 1

    def go(self, now: float) -> None:
        self._requests -= 1
        self._seen_at = now

    def away_s(self, now: float) -> float:
        return 0.0 if self._requests else now - self._seen_at


class Visit:
    """Belongs to the event loop. Every method that takes `now` may end the visit."""

    def __init__(self, place: Place, order: VisitOrder, now: float) -> None:
        self.place, self.order = place, order
        self.input, self.output = Window(), Window()
        self.user, self.agent = Presence(now), Presence(now)
        self.caller = ""
        """The name of the user who alone may go on with it; empty: the server's owner."""
        self.is_taken = False
        """Its agent has come."""
        self.end: VisitEnd | None = None
        self._began, self._over_since = now, now
        self._over = ""

    @property
    def id(self) -> str:
        return self.order.id

    def finish(self, end: VisitEnd) -> None:
        """It is over; the first word counts."""
        if self.end is None:
            self.end = end

    def leave(self) -> None:
        """Nobody wants it any more: the agent shall end it."""
        self.order = replace(self.order, end=True)

    def attempt_is_over(self, why: str, now: float) -> None:
        """The job goes on without that attempt."""
        if not self._over:
            self._over, self._over_since = why, now

    def judge(self, now: float) -> None:
        """End it when somebody who carries it has left."""
        if self.user.away_s(now) > AWAY_S:
            self.leave()
        if self._over and now - self._over_since > (SETTLE_S if self.is_taken else 0.0):
            self.finish(VisitEnd(None, self._over))
        elif not self.is_taken and now - self._began > TAKE_S:
            text = f"the agent of node {self.place.index} did not take it within {TAKE_S:g} s"
            self.finish(VisitEnd(None, f"{text}: it is busy, gone, or of an older launcher"))
        elif self.is_taken and self.agent.away_s(now) > AWAY_S:
            text = f"the agent of node {self.place.index} was not heard for {AWAY_S:g} s"
            self.finish(VisitEnd(None, f"{text}; it ends the command by itself"))

    def is_forgotten(self, now: float) -> bool:
        """It is over, and whoever wanted to know that knows."""
        return self.end is not None and (self.order.end or self.user.away_s(now) > AWAY_S)
