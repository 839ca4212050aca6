"""The thread of a server among several that finds out who decides, and stays it if it is this one.

A thread of its own: what keeps the event loop busy for seconds must not cost the lead.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from launcher.errors import TryAgainError
from launcher.store.leader import LEASE_S, Holder, Leadership

log = logging.getLogger(__name__)

RENEW_S, LOOK_S = 1.0, 0.5
"""Between two words of the one who decides that it lives, and two looks of the others at it."""


class Heart:
    """Thread-safe.

    Args:
        leadership: this server's.
        clock: monotonic.
    """

    def __init__(self, leadership: Leadership, clock: Callable[[], float] = time.monotonic) -> None:
        self._leadership, self._clock = leadership, clock
        self._changed: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._epoch: int | None = None
        self._until = 0.0
        self._holder: Holder | None = None
        self._looked_at = 0.0
        self._rests_until = 0.0
        self._problem = ""
        self._ends = threading.Event()
        self._soon = threading.Event()
        self._thread = threading.Thread(target=self._beat_for_ever, name="heart", daemon=True)

    def start(self, changed: Callable[[], None] = lambda: None) -> None:
        """Begin. `changed`: called, by any thread, when this server began or ceased to decide."""
        self._changed = changed
        self._thread.start()

    def stop(self) -> None:
        """Cease, and let another server take over at once."""
        self._ends.set()
        self._soon.set()
        self._thread.join()
        self._give_up()

    @property
    def epoch(self) -> int | None:
        """Of this server's lead; None while it does not decide.

        Told by the time since it was last confirmed: a process that was paused knows it at once.
        """
        with self._lock:
            return self._epoch if self._clock() < self._until else None

    @property
    def leader(self) -> str | None:
        """Address of the server that decides, if that is another one and lives."""
        with self._lock:
            found, seen_s = self._holder, self._clock() - self._looked_at
        if found is None or not found.lives or found.silent_s + seen_s > 2 * LEASE_S:
            return None
        return found.url

    def begin_anew(self, epoch: int) -> None:
        """The database broke off a transaction: nobody knows whether it holds what was written.

        This server takes the lead again, with another epoch, and reads everything anew.
        """
        self._lose(epoch, "the database broke off a transaction: reading everything anew")

    def let_go(self) -> None:
        """This server cannot decide: others shall, for a while at least."""
        with self._lock:
            self._rests_until = self._clock() + 2 * LEASE_S
        self._give_up()

    def look_soon(self) -> None:
        """The one who decides did not answer."""
        self._soon.set()

    # --- the thread ------------------------------------------------------------------------------

    def _beat_for_ever(self) -> None:
        while not self._ends.is_set():
            try:
                pause_s = self._beat()
                self._problem = ""
            except TryAgainError as error:
                self._tell_once(str(error))
                pause_s = LOOK_S
            except Exception:  # the next beat perhaps; until then the lease runs out by itself
                log.exception("who decides could not be found out")
                pause_s = RENEW_S
            with self._lock:
                epoch, is_over = self._epoch, self._clock() >= self._until
            if epoch is not None and is_over:
                self._lose(epoch, f"the database was not reached for {LEASE_S:g} s")
            self._soon.wait(pause_s)
            self._soon.clear()

    def _beat(self) -> float:
        """Renew the lease, or look who has it; gives the pause after."""
        with self._lock:
            epoch, begun = self._epoch, self._clock()
            may_take = begun >= self._rests_until
        if epoch is None:
            self._look(begun, may_take=may_take)
        elif self._leadership.renew(epoch):
            with self._lock:
                self._until = begun + LEASE_S
        else:
            self._lose(epoch, "another server decides now")
        return LOOK_S if self._epoch is None else RENEW_S

    def _look(self, begun: float, *, may_take: bool) -> None:
        holder = self._leadership.look()
        with self._lock:
            self._holder, self._looked_at = holder, begun
        if holder.lives and not self._leadership.is_own(holder):
            return
        epoch = self._leadership.take() if may_take else None
        begun = self._clock()  # to take it may have waited long for transactions to end
        if epoch is not None and self._leadership.renew(epoch):
            with self._lock:
                self._epoch, self._until, self._holder = epoch, begun + LEASE_S, None
            log.info("this server decides: epoch %d", epoch)
            self._changed()

    def _lose(self, epoch: int, why: str) -> None:
        with self._lock:
            if self._epoch != epoch:
                return
            self._epoch = None
        log.warning("this server ceases to decide: %s", why)
        self._changed()
        self._soon.set()

    def _give_up(self) -> None:
        with self._lock:
            epoch, self._epoch = self._epoch, None
        if epoch is None:
            return
        try:
            self._leadership.give_up(epoch)
        except Exception as error:  # then it lapses by itself
            log.warning("the lead was not given back: %s", error)

    def _tell_once(self, problem: str) -> None:
        if problem != self._problem:
            log.warning("%s", problem)
        self._problem = problem
