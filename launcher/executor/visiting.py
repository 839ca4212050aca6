"""The visits of one node (`launcher exec`): commands that users run beside the ranks here.

Each visit has two threads. One starts the command and gives its output to the server, which holds
it up where the user reads slowly: then nothing is read here, and the command waits. The other asks
for what is given to the command, and so hears when the server knows the visit no more.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from launcher.errors import LauncherError
from launcher.executor.ranks import RankStart
from launcher.executor.redacting import Redactor
from launcher.executor.screening import Screening
from launcher.executor.uplink import Uplink
from launcher.executor.visitor import Visitor, end_softly
from launcher.model.visit import AWAY_S, VisitEnd, VisitOrder, frame
from launcher.transport import until_heard

log = logging.getLogger(__name__)
T = TypeVar("T")

POLL_S = 10.0
"""How long the server may hold a request."""
_HEARTBEAT_S = 3.0
_TICK_S = 0.25
_SOFT_S = 1.0
"""What a command has, to end by itself when its user has left."""
_LEAVING_S = 3.0
_UNWANTED = "its user has left"


class Visiting:
    """Thread-safe.

    Args:
        connect: makes an uplink; each thread has its own.
        redactor: of the job's secrets, for what the commands put out.
    """

    def __init__(self, connect: Callable[[], Uplink], redactor: Redactor | None = None) -> None:
        self._connect, self._redactor = connect, redactor or Redactor()
        self._lock = threading.Lock()
        self._attempt = 0
        self._starts: dict[int, RankStart] = {}
        self._visits: dict[str, _Visit] = {}
        self._known: set[str] = set()
        """Ids of all that were ever ordered: orders may be repeated."""

    def open(self, attempt: int, starts: Iterable[RankStart]) -> None:
        """These ranks may be visited."""
        with self._lock:
            self._attempt, self._starts = attempt, {start.rank: start for start in starts}

    def shut(self, why: str) -> None:
        """No rank may be visited any more; what runs beside them is killed."""
        with self._lock:
            self._starts = {}
            visits = list(self._visits.values())
        for visit in visits:
            visit.end(why, at_once=True)

    def obey(self, orders: Iterable[VisitOrder]) -> None:
        """What the server wants: new visits, and changes of those that are there."""
        for order in orders:
            visit = self._visits.get(order.id)
            if visit is not None:
                visit.change(order)
            elif order.id not in self._known and not order.end:
                self._begin(order)

    def close(self) -> None:
        """After `shut`: wait until the server was told, but not for ever."""
        give_up = time.monotonic() + _LEAVING_S
        for visit in list(self._visits.values()):
            visit.over.wait(max(give_up - time.monotonic(), 0.0))

    def _begin(self, order: VisitOrder) -> None:
        with self._lock:
            self._known.add(order.id)
            start = self._starts.get(order.rank) if order.attempt == self._attempt else None
            visit = _Visit(order, start, self._connect, Screening(self._redactor))
            self._visits[order.id] = visit
        threading.Thread(
            target=self._carry_out, args=(visit,), name=f"visit-{order.id[:6]}", daemon=True
        ).start()

    def _carry_out(self, visit: _Visit) -> None:
        try:
            visit.carry_out()
        finally:
            with self._lock:
                del self._visits[visit.id]
            visit.over.set()


class _Visit:
    def __init__(
        self,
        order: VisitOrder,
        start: RankStart | None,
        connect: Callable[[], Uplink],
        screening: Screening,
    ) -> None:
        self.id = order.id
        self.over = threading.Event()
        """Nothing of it is left."""
        self._order, self._start, self._connect = order, start, connect
        self._screening = screening
        self._ended = threading.Event()
        """The command has ended, or shall."""
        self._why = ""
        self._heard_at = time.monotonic()
        self._visitor: Visitor | None = None
        self._feeding: threading.Thread | None = None
        self._steering = threading.Lock()
        self._signals = 0
        """How many were sent."""
        self._size = (order.rows, order.columns)
        self._offset = 0

    def change(self, order: VisitOrder) -> None:
        """The order as it is now."""
        with self._steering:
            self._order = max(self._order, order, key=lambda one: one.revision)
        if order.end:
            self.end(_UNWANTED)
        self._steer()

    def end(self, why: str, *, at_once: bool = False) -> None:
        """The command shall end; the first reason is told."""
        with self._steering:
            if not self._ended.is_set():
                self._why = why
                self._ended.set()
            if at_once and self._visitor is not None:
                self._visitor.signal(signal.SIGKILL)

    def carry_out(self) -> None:
        """Run the command to its end, tell that, and leave nothing of it behind."""
        uplink = self._connect()
        try:
            end = self._run(uplink)
        except Exception as error:  # also a bug's: whoever waits for it shall hear
            log.exception("visit %s broke", self.id)
            end = VisitEnd(None, f"its agent could not carry it out: {error}")
        self._ended.set()
        log.info("visit %s: %s", self.id, end)
        try:
            self._until_heard(lambda: uplink.end_visit(self.id, end))
        except LauncherError as error:
            log.info("visit %s: its end was not told: %s", self.id, error)
        finally:
            uplink.close()
            self._clear()

    def _run(self, uplink: Uplink) -> VisitEnd:
        order = self._order
        if self._start is None:
            return VisitEnd(None, f"rank {order.rank} of attempt {order.attempt} runs no more")
        try:
            visitor = Visitor(order, self._start)
        except OSError as error:
            return VisitEnd(None, f"no process can be started beside rank {order.rank}: {error}")
        with self._steering:
            self._visitor = visitor
        self._steer()
        name = f"{threading.current_thread().name}-input"
        self._feeding = threading.Thread(target=self._feed, args=(visitor,), name=name, daemon=True)
        self._feeding.start()
        try:
            self._give_output(uplink, visitor)
        except LauncherError as error:
            self.end(f"its output reached nobody: {error}")
        if visitor.code is None:
            end_softly(visitor, _SOFT_S if self._why == _UNWANTED else 0.0)
            return VisitEnd(None, self._why)
        return VisitEnd(None, self._why) if self._why else VisitEnd(visitor.code)

    def _clear(self) -> None:
        with self._steering:
            visitor, self._visitor = self._visitor, None
        if visitor is not None:
            visitor.bury()
            if self._feeding is not None:
                self._feeding.join()  # or it may write to whom its descriptor belongs next
            visitor.close()

    def _steer(self) -> None:
        with self._steering:
            visitor, order = self._visitor, self._order
            if visitor is None:
                return
            fresh, self._signals = order.signals[self._signals :], len(order.signals)
            if (order.rows, order.columns) != self._size:
                self._size = (order.rows, order.columns)
                visitor.resize(*self._size)
        for number in fresh:
            visitor.signal(number)

    def _give_output(self, uplink: Uplink, visitor: Visitor) -> None:
        while not self._ended.is_set():
            had_ended = visitor.code is not None  # before the look at what it wrote last
            found = visitor.read(self._screening.patience_s(_TICK_S, time.monotonic()))
            self._give(uplink, self._screening.feed(found, time.monotonic()))
            if had_ended and not found:
                self._give(uplink, self._screening.finish())
                return

    def _give(self, uplink: Uplink, shown: Iterable[tuple[int, bytes]]) -> None:
        frames = b"".join(frame(kind, data) for kind, data in shown)
        wanted = self._offset + len(frames)
        while self._offset < wanted and not self._ended.is_set():
            self._offset = max(
                self._offset,
                self._until_heard(
                    lambda: uplink.visit_output(self.id, self._offset, frames, POLL_S)
                ),
            )

    # --- what is given to the command -------------------------------------------------------------

    def _feed(self, visitor: Visitor) -> None:
        """Until the command or the server ends it."""
        uplink = self._connect()
        offset, last = 0, False
        try:
            while not self._ended.is_set():
                data, last = self._ask(uplink, offset, last)
                offset += len(data)
                self._write(uplink, visitor, data, offset)
                if last:
                    visitor.close_stdin()
        except LauncherError as error:
            self.end(f"the server was lost: {error}")
        finally:
            uplink.close()

    def _ask(self, uplink: Uplink, offset: int, told: bool) -> tuple[bytes, bool]:
        return self._until_heard(lambda: uplink.visit_input(self.id, offset, POLL_S, told=told))

    def _write(self, uplink: Uplink, visitor: Visitor, data: bytes, offset: int) -> None:
        """All of it, however long the command takes; the server hears of us meanwhile."""
        rest = memoryview(data)
        while rest and not self._ended.is_set():
            try:
                rest = rest[visitor.write(bytes(rest), _TICK_S) :]
            except OSError:  # it reads no more: as a closed pipe, but its end is its own affair
                return
            if time.monotonic() - self._heard_at > _HEARTBEAT_S:
                self._until_heard(
                    lambda: uplink.visit_input(self.id, offset, 0.0, room=0, told=True)
                )

    def _until_heard(self, ask: Callable[[], T]) -> T:
        answer = until_heard(ask, AWAY_S)
        self._heard_at = time.monotonic()
        return answer
