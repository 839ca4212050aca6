"""What several threads ask for at the same moment is carried out at once, in one transaction.

As `launcher.server.together` for an event loop: who comes while a round is under way goes with the
next one, together with all others who came by then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

W = TypeVar("W")
R = TypeVar("R")


class Rounds(Generic[W, R]):
    """Called by any thread.

    Args:
        carry_out: called by one thread at a time, with the wishes in the order in which they came;
            gives what became of each. When it raises, nothing of the round was done.
        turn: held meanwhile.
        at_once: how many callers a round has at most.
    """

    def __init__(
        self,
        carry_out: Callable[[Sequence[W]], Sequence[R]],
        turn: threading.Lock,
        at_once: int = 32,
    ) -> None:
        self._carry_out, self._turn, self._at_once = carry_out, turn, at_once
        self._door = threading.Lock()
        self._asked: list[_Asked[W, R]] = []

    def ask(self, wishes: Sequence[W]) -> Sequence[R]:
        """What became of the wishes, which are carried out together or not at all.

        Raises:
            Exception: the error of these.
        """
        mine: _Asked[W, R] = _Asked(wishes)
        with self._door:
            self._asked.append(mine)
        while mine.outcome is None and mine.error is None:
            with self._turn:
                if mine.outcome is None and mine.error is None:
                    with self._door:
                        now = self._asked[: self._at_once]
                        self._asked = self._asked[self._at_once :]
                    self._go(now)
        if mine.error is not None:
            raise mine.error
        assert mine.outcome is not None
        return mine.outcome

    def _go(self, now: Sequence[_Asked[W, R]]) -> None:
        try:
            found = self._carry_out([wish for asked in now for wish in asked.wishes])
        except Exception as error:  # of one of them, but nobody knows of which
            if len(now) == 1:
                now[0].error = error
            else:
                for asked in now:
                    self._go([asked])
            return
        first = 0
        for asked in now:
            asked.outcome = found[first : first + len(asked.wishes)]
            first += len(asked.wishes)


class _Asked(Generic[W, R]):
    def __init__(self, wishes: Sequence[W]) -> None:
        self.wishes = wishes
        self.outcome: Sequence[R] | None = None
        self.error: Exception | None = None
