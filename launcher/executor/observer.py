"""The agent's reading thread: follows output and event files of the attempt that runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from launcher.executor.folders import JobFolder
from launcher.executor.observation import Observation, unfinished
from launcher.model.observing import Observing

log = logging.getLogger(__name__)

_EVERY_S = 0.4
_SHARE = 0.05
"""Reading takes at most this share of the time: the training has the rest."""
_RETRY_S = 2.0


class Observer:
    """Observes one attempt after the other; called by several threads.

    Args:
        folder: the job's files.
        rule: what is read here.
        note: tells something that the job's events shall show.
        done: called when something was read to its end.
    """

    def __init__(
        self,
        folder: JobFolder,
        rule: Observing,
        note: Callable[[str], None],
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder, self._rule, self._note, self._done = folder, rule, note, done
        self._turn = threading.Lock()
        self._now: Observation | None = None
        self._finished = 0
        self._over = 0
        self._wake = threading.Event()
        self._ending = False
        self._thread: threading.Thread | None = None

    def begin(self, attempt: int) -> None:
        """No rank of the attempt has started; those before have ended."""
        with self._turn:
            try:
                self._begin(attempt)
            except (OSError, ValueError) as error:  # no reason not to train
                self._now = None
                self._note(f"metrics: neither output nor files are read: {error}")

    def _begin(self, attempt: int) -> None:
        self._finish_earlier()
        if self._rule.is_idle:
            return
        self._folder.attempt(attempt).mkdir(parents=True, exist_ok=True)
        self._now = Observation(self._folder, attempt, 0, self._note)
        self._now.begin(self._rule)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="observing", daemon=True)
            self._thread.start()

    def finish(self, attempt: int) -> None:
        """No rank of this or an earlier attempt writes any more: read the rest."""
        self._finished = max(self._finished, attempt)
        self._wake.set()

    def is_done(self, attempt: int) -> bool:
        """All that is read of the attempt lies in its stream."""
        now = self._now
        return now is None or now.attempt != attempt or self._over >= attempt

    def kept_at(self, log_: Path) -> int | None:
        """Up to where a log need not be read again; None when nobody reads it."""
        now = self._now
        if now is None or now.log != log_ or now.is_closed:
            return None
        return now.kept_at

    def close(self) -> None:
        """Read the rest. No rank runs any more."""
        self._ending = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=10.0)

    def _finish_earlier(self) -> None:
        if self._now is not None:
            self._now.abandon()
            self._now = None
        for one in unfinished(self._folder, self._note):
            one.close()

    def _run(self) -> None:
        while True:
            ending, finished = self._ending, self._finished
            self._wake.clear()
            begun = time.monotonic()
            with self._turn:
                pause = self._look(finished=finished, ending=ending)
            if ending:
                return
            self._wake.wait(max(pause, (time.monotonic() - begun) / _SHARE))

    def _look(self, *, finished: int, ending: bool) -> float:
        """Gives seconds to wait."""
        now = self._now
        if now is None or now.is_closed:
            return _RETRY_S
        is_over = ending or now.attempt <= finished
        try:
            if is_over:
                now.close()
            else:
                while now.look():
                    pass
        except OSError as error:
            # The disk is full, mostly. What was not kept is read again by a new object.
            log.info("not observed: %s", error)
            if is_over:
                self._note(f"metrics: the end of the output was not read: {error}")
            now.abandon()
            self._now = self._again(now)
        if is_over:
            self._over = max(self._over, now.attempt)
            self._done()
        return _EVERY_S if self._now is now else _RETRY_S

    def _again(self, failed: Observation) -> Observation:
        try:
            return Observation(self._folder, failed.attempt, 0, self._note)
        except (OSError, ValueError):
            return failed
