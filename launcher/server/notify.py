"""Wakes the requests that wait for something to change."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict


class Notifier:
    """Topics and those who wait for them. `notify` may be called from any thread.

    A waiter takes a `ticket` before it looks at the state and then waits with it, so that a change
    between the look and the wait is not missed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def ticket(self, topic: str) -> int:
        return self._counts[topic]

    def notify(self, *topics: str) -> None:
        with contextlib.suppress(RuntimeError):  # the server is stopping
            self._loop.call_soon_threadsafe(self._wake, topics)

    async def wait(self, topic: str, ticket: int, timeout_s: float) -> bool:
        """True when the topic changed since the ticket was taken; False after `timeout_s`."""
        if self._counts[topic] != ticket:
            return True
        event = asyncio.Event()
        self._waiting[topic].add(event)
        try:
            await asyncio.wait_for(event.wait(), timeout_s)
        except TimeoutError:
            return False
        except asyncio.TimeoutError:
            return False
        finally:
            self._waiting[topic].discard(event)
            if not self._waiting[topic]:
                del self._waiting[topic]
        return True

    def _wake(self, topics: tuple[str, ...]) -> None:
        for topic in topics:
            self._counts[topic] += 1
            for event in self._waiting.get(topic, ()):
                event.set()


def job_topic(job_id: str) -> str:
    return f"job:{job_id}"


def cluster_topic(cluster: str) -> str:
    return f"cluster:{cluster}"


SCHEDULE = "schedule"
JOBS = "jobs"
