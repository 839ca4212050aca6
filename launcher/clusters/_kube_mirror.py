"""A mirror of some objects of Kubernetes, kept by list and watch for as long as it is wanted.

What it shows may be a little old, and is never a proof that something is gone: who needs one lists
anew (`KubeApi.list`).
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from launcher.clusters._kube_api import Kind, KubeApi, KubeError, Watch
from launcher.errors import LauncherError

log = logging.getLogger(__name__)

WATCH_S = 240.0
"""A watch is begun anew after so long, from where it was."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_REMEMBERED = 500


class Mirror:
    """Thread-safe. Works in a thread of its own from construction until `close`.

    Args:
        api: of the namespace.
        kind: of the objects.
        selector: of their labels.
        changed: called after every change, from that thread.
    """

    def __init__(
        self, api: KubeApi, kind: Kind, selector: str, changed: Callable[[], object]
    ) -> None:
        self._api, self._kind, self._selector, self._changed = api, kind, selector, changed
        self._objects: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._departed: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)
        self._version = ""
        self._watching: Watch | None = None
        self._failures = 0
        """Tries in a row from which nothing came."""
        self.trouble = "not asked yet"
        """Why what is shown may be old; empty: it is kept."""
        threading.Thread(target=self._keep, name=f"mirror-{kind.plural}", daemon=True).start()

    def close(self) -> None:
        """Its thread ends, and what it showed last stays."""
        self._closed.set()
        with self._lock:
            if self._watching is not None:
                self._watching.end()

    @property
    def is_synced(self) -> bool:
        """It has seen all objects at least once, and hears of changes."""
        return not self.trouble

    def get(self, name: str) -> dict[str, Any] | None:
        with self._lock:
            return self._objects.get(name)

    def all(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._objects.values())

    def departed(self) -> list[dict[str, Any]]:
        """The last that were deleted, each as it was at its end."""
        with self._lock:
            return list(self._departed)

    # --- its thread ------------------------------------------------------------------------------

    def _keep(self) -> None:
        while not self._closed.is_set():
            try:
                if not self._version:
                    self._list()
                self._watch()
                self._failures = 0
            except LauncherError as error:
                if self._closed.is_set():
                    return
                self._failures += 1
                if isinstance(error, KubeError) and error.status == 410:
                    log.info("%s: listed anew: %s", self._kind.plural, error)
                    self._version = ""  # too old: everything from the beginning
                else:
                    self._note(str(error))
                self._closed.wait(pause_s(self._failures, error))
            except Exception as error:  # a bug must not leave a mirror that looks kept
                log.exception("the mirror of %s broke", self._kind.plural)
                self._version = ""
                self._failures += 1
                self._note(f"{type(error).__name__}: {error}")
                self._closed.wait(pause_s(self._failures, None))

    def _list(self) -> None:
        items, version = self._api.list(self._kind, self._selector)
        with self._lock:
            self._objects = {item["metadata"]["name"]: item for item in items}
        self._version = version
        self._note("")

    def _watch(self) -> None:
        events = self._api.watch(self._kind, self._selector, self._version, WATCH_S)
        with self._lock:
            self._watching = events
        if self._closed.is_set():  # while it was opened
            events.end()
        self._note("")
        for event in events:
            self._failures = 0
            if self._closed.is_set():
                return
            one = event["object"]
            self._version = str(one["metadata"]["resourceVersion"])
            if event["type"] == "BOOKMARK":
                continue
            with self._lock:
                if event["type"] == "DELETED":
                    self._objects.pop(one["metadata"]["name"], None)
                    self._departed.append(one)
                else:
                    self._objects[one["metadata"]["name"]] = one
            self._changed()

    def _note(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            log.warning("%s: %s", self._kind.plural, trouble)
        self.trouble = trouble
        self._changed()


def pause_s(failures: int, error: LauncherError | None) -> float:
    """How long to wait before the next try: what the API server says, else ever longer."""
    if isinstance(error, KubeError) and error.retry_after_s is not None:
        return min(error.retry_after_s, _LONGEST_PAUSE_S)
    longest = min(_FIRST_PAUSE_S * 2 ** (failures - 1), _LONGEST_PAUSE_S)
    return float(longest * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
