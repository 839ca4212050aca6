"""What passes between the user and the agent of a visit, held up where the other side is slow."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator

from launcher.errors import ConflictError
from launcher.model import codec
from launcher.model.visit import ALIVE, END, LARGEST_READ, frame
from launcher.server.notify import Listener, Notifier
from launcher.server.visit import Presence, Visit
from launcher.server.window import Window

KEEP_ALIVE_S = 10.0


class Relay:
    """Belongs to the event loop. `clock` is monotonic."""

    def __init__(self, notifier: Notifier, clock: Callable[[], float]) -> None:
        self._notifier, self._clock = notifier, clock

    async def output(self, visit: Visit, offset: int) -> AsyncIterator[bytes]:
        """Frames as they come, from `offset` on, to the end of the visit; its user is there."""
        with self.listening(visit) as changes, self._present(visit.user):
            while True:
                data = visit.output.take(offset, LARGEST_READ)
                if data:
                    offset += len(data)
                    self.tell(visit)  # there is room now
                    yield data
                elif visit.end is not None:
                    yield frame(END, json.dumps(codec.encode(visit.end)).encode())
                    return
                elif not await changes.wait(KEEP_ALIVE_S):
                    yield frame(ALIVE, b"")

    async def input(
        self, visit: Visit, offset: int, room: int, wait_s: float, *, told: bool
    ) -> bytes:
        """What is given to the command from `offset` on; waits for some, or for its end.

        Args:
            visit: the agent's, which is there as long as it asks.
            offset: how much the agent has.
            room: for how much more.
            wait_s: how long at most.
            told: the agent knows that nothing more is given.
        """
        give_up = self._clock() + wait_s
        with self.listening(visit) as changes, self._present(visit.agent):
            while True:
                data = visit.input.take(offset, min(room, LARGEST_READ))
                if data:
                    self.tell(visit)  # there is room now
                    return data
                ends = visit.input.is_told(offset) and not told
                if ends or visit.end is not None:
                    return b""
                if not await changes.wait(max(give_up - self._clock(), 0.0)):
                    return b""

    async def give(
        self, visit: Visit, window: Window, offset: int, data: bytes, wait_s: float
    ) -> int:
        """Put a piece into one of the visit's windows; waits for room.

        Returns:
            How much the window was given so far: without the piece if there was no room in time.

        Raises:
            ConflictError: the visit is over, or is to end.
        """
        give_up = self._clock() + wait_s
        with self.listening(visit) as changes:
            while True:
                if visit.end is not None or visit.order.end:
                    raise ConflictError("the command has ended")
                if window.give(offset, data):
                    self.tell(visit)
                    return window.end
                if not await changes.wait(max(give_up - self._clock(), 0.0)):
                    return window.end

    def tell(self, visit: Visit) -> None:
        """Wake all who wait for the visit."""
        self._notifier.notify(_topic(visit))

    @contextlib.contextmanager
    def listening(self, visit: Visit) -> Iterator[Listener]:
        with self._notifier.listen(_topic(visit)) as changes:
            yield changes

    @contextlib.contextmanager
    def _present(self, presence: Presence) -> Iterator[None]:
        presence.come()
        try:
            yield
        finally:
            presence.go(self._clock())


def _topic(visit: Visit) -> str:
    return f"visit:{visit.id}"
