"""Jobs that are followed: who was told the same of one, and wants the same, shares the next look.

All followers of a job wake at the same moment, and mostly stand at the same place. The first of
them looks, in a thread; the others are given what it found. Nobody waits for a slow follower: that
one comes later, to another place.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from launcher.server.notify import Listener, Notifier, is_set_within, job_topic, output_topic
from launcher.server.routes import telling
from launcher.server.routes.telling import News, Place, Standing, Wish
from launcher.store import Store
from launcher.views import JobView

SETTLE_S = 0.05
"""Changes that come closer together are told together."""
_FRESH_S = 0.5
"""What a look gave is given to others for so long: not everything that changes is announced."""
_SHARED_BYTES = 256 * 1024
"""What is larger is of the past, which everybody reads at a pace of his own."""
_LOOKS_KEPT = 64

Key = tuple[Wish, tuple[Any, ...]]


class Feeds:
    """All jobs that are followed. Belongs to the event loop.

    Args:
        store: where everything is.
        notifier: announces changes.
        view: gives a job as it stands, in a thread.
    """

    def __init__(self, store: Store, notifier: Notifier, view: Callable[[str], JobView]) -> None:
        self._store, self._notifier, self._view = store, notifier, view
        self._feeds: dict[str, Feed] = {}

    @contextlib.contextmanager
    def follow(self, job_id: str) -> Iterator[Feed]:
        feed = self._feeds.get(job_id)
        if feed is None:
            feed = self._feeds[job_id] = Feed(self._store, job_id, self._view)
            feed.begin(self._notifier)
        feed.followers += 1
        try:
            yield feed
        finally:
            feed.followers -= 1
            if not feed.followers:
                del self._feeds[job_id]
                feed.end()


@dataclass(frozen=True)
class _Look:
    at: float
    news: asyncio.Task[News]


class Feed:
    """One job that is followed."""

    def __init__(self, store: Store, job_id: str, view: Callable[[str], JobView]) -> None:
        self._store, self._job_id = store, job_id
        self._standings = _Standings(lambda: view(job_id))
        self.followers = 0
        self.version = 0
        """How often changes were told to followers."""
        self._changed = asyncio.Event()
        self._looks: dict[Key, _Look] = {}
        self._life = contextlib.ExitStack()

    def begin(self, notifier: Notifier) -> None:
        """Hear of changes from now on."""
        topics = job_topic(self._job_id), output_topic(self._job_id)
        changes = self._life.enter_context(notifier.listen(*topics))
        announcing = asyncio.create_task(self._announce(changes))
        self._life.callback(announcing.cancel)

    def end(self) -> None:
        self._life.close()

    async def _announce(self, changes: Listener) -> None:
        while True:
            if await changes.wait(3600.0):
                await asyncio.sleep(SETTLE_S)
                changes.take()
                self.version += 1
                self._looks.clear()
                changed, self._changed = self._changed, asyncio.Event()
                changed.set()

    async def wait(self, seen: int, timeout_s: float) -> bool:
        """True when there is a later version than `seen`; False after `timeout_s`."""
        if self.version == seen:
            await is_set_within(self._changed, timeout_s)
        return self.version != seen

    async def look(self, wish: Wish, place: Place) -> News:
        """What follows the place; for all who ask for it at about the same time, the same."""
        key, now = (wish, place.key()), time.monotonic()
        known = self._looks.get(key)
        if known is None or now - known.at > _FRESH_S:
            looking = asyncio.to_thread(self._look, self.version, wish, place)
            known = _Look(now, asyncio.create_task(looking))
            if len(self._looks) < _LOOKS_KEPT:
                self._looks[key] = known
        # Who hangs up does not take the look away from the others.
        news = await asyncio.shield(known.news)
        if sum(map(len, news.messages)) > _SHARED_BYTES and self._looks.get(key) is known:
            del self._looks[key]
        return news

    def _look(self, version: int, wish: Wish, place: Place) -> News:
        standing = self._standings.at(version)
        return telling.look(self._store, self._job_id, wish, place, standing)


class _Standings:
    """How the job stands, numbered. Asked by several threads."""

    def __init__(self, view: Callable[[], JobView]) -> None:
        self._view = view
        self._turn = threading.Lock()
        self._version = -1
        self._at = 0.0
        self._newest: Standing | None = None

    def at(self, version: int) -> Standing:
        """How it stands since these changes, or later."""
        with self._turn:
            now = time.monotonic()
            newest = self._newest
            if newest is None or self._version < version or now - self._at > _FRESH_S:
                view = self._view()
                if newest is None or newest.view != view:
                    newest = Standing(newest.number + 1 if newest else 1, view)
                self._newest, self._version, self._at = newest, version, now
            return newest
