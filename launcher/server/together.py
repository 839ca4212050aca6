"""What many ask for at the same moment is carried out at once: one transaction, one sync of a disk.

Nobody waits for company. The first one goes alone; who comes while it is under way goes next,
together with all others who came by then: the more there is to do, the less each one costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

W = TypeVar("W")
R = TypeVar("R")

AT_ONCE = 200
"""So many go together at most: others want to write in between."""


class Together(Generic[W, R]):
    """Belongs to one event loop.

    Args:
        carry_out: called in a thread, never twice at the same time, with the wishes of a round in
            the order in which they came; gives for each one what became of it, or its error.
        at_once: how many wishes a round has at most.
    """

    def __init__(
        self, carry_out: Callable[[Sequence[W]], Sequence[R | Exception]], at_once: int = AT_ONCE
    ) -> None:
        self._carry_out, self._at_once = carry_out, at_once
        self._asked: list[tuple[W, asyncio.Future[R]]] = []
        self._rounds: asyncio.Task[None] | None = None

    async def ask(self, wish: W) -> R:
        """What became of the wish. A caller who goes away does not take it back.

        Raises:
            Exception: the error of this wish.
        """
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._asked.append((wish, answer))
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._go_on())
        return await answer

    async def _go_on(self) -> None:
        while self._asked:
            now, self._asked = self._asked[: self._at_once], self._asked[self._at_once :]
            outcomes: Sequence[R | Exception]
            try:
                outcomes = await asyncio.to_thread(self._carry_out, [wish for wish, _ in now])
            except Exception as error:  # of the round: each of them is told
                outcomes = [error] * len(now)
            for (_, answer), outcome in zip(now, outcomes, strict=True):
                if answer.done():
                    continue  # whoever asked is gone
                if isinstance(outcome, Exception):
                    answer.set_exception(outcome)
                else:
                    answer.set_result(outcome)
