"""Looks at what may hang: a driver that broke, a network disk that is gone.

Such a call cannot be broken off. It is made by a thread of its own, one at a time: while it hangs
nothing else waits for it, what it would tell is left out, and no second one is begun.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

Look = Callable[[], dict[str, float]]


class Aside:
    """Calls `look` again and again, at its own pace.

    Args:
        name: of the thread.
        look: gives values by name; where it fails there are none this time.
    """

    def __init__(self, name: str, look: Look) -> None:
        self._name, self._look = name, look
        self._asked, self._done = threading.Event(), threading.Event()
        self._ended = False
        self._values: dict[str, float] = {}
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """Begin a look, unless the one before still goes on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        elif not self._done.is_set():
            log.info("%s: the look before still goes on", self._name)
            return
        self._done.clear()
        self._asked.set()

    def take(self, wait_s: float) -> dict[str, float]:
        """What the look that was asked for found, if it ends within `wait_s`; once."""
        if not self._done.wait(wait_s):
            return {}
        values, self._values = self._values, {}
        return values

    def end(self) -> None:
        """No further look; one that hangs is left to the end of the process."""
        self._ended = True
        self._asked.set()

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._ended:
                return
            try:
                self._values = self._look()
            except Exception as error:  # of a foreign library: whatever it is, the rest goes on
                log.info("%s: nothing seen: %s", self._name, error)
                self._values = {}
            self._done.set()
