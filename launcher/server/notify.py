"""Wakes the requests that wait for something to change."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator


class Notifier:
    """Topics and those who listen to them. `notify` may be called from any thread.

    Who waits listens before the first look at the state, so that a change between the look and the
    wait is not missed. What nobody listens to costs nothing. `EVERY_…` are told of all topics that
    begin so.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.count = 0
        """How often anything was told: who comes back knows by it whether something was missed."""
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)

    def notify(self, *topics: str) -> None:
        with contextlib.suppress(RuntimeError):  # the server is stopping
            self._loop.call_soon_threadsafe(self._wake, topics)

    def is_heard(self, topic: str) -> bool:
        """Somebody listens to it now."""
        return topic in self._listeners

    def topics(self) -> set[str]:
        """Those that somebody listens to now."""
        return set(self._listeners)  # in one step: the loop's thread may add to it meanwhile

    @contextlib.contextmanager
    def listen(self, *topics: str) -> Iterator[Listener]:
        listener = Listener()
        for topic in topics:
            self._listeners[topic].add(listener)
        try:
            yield listener
        finally:
            for topic in topics:
                self._listeners[topic].discard(listener)
                if not self._listeners[topic]:
                    del self._listeners[topic]

    def _wake(self, topics: tuple[str, ...]) -> None:
        self.count += 1
        kinds = {topic[: topic.find(":") + 1] for topic in topics} - {""}
        for topic in kinds.union(topics):
            for listener in self._listeners.get(topic, ()):
                listener.changed()


class Listener:
    """Hears of changes from the moment it is made, also while nobody waits."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def changed(self) -> None:
        self._event.set()

    def take(self) -> bool:
        """True when something changed since this or `wait` said so the last time."""
        changed = self._event.is_set()
        self._event.clear()
        return changed

    async def wait(self, timeout_s: float) -> bool:
        """True when something changed since the last True; False after `timeout_s`."""
        changed = await is_set_within(self._event, timeout_s)
        if changed:
            self._event.clear()
        return changed


async def is_set_within(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for an event, that long at most.

    A cancellation that comes at the same moment counts: asyncio.wait_for of Pythons before 3.12
    drops it, and a loop that nothing ends keeps a server from stopping.
    """
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({waiting}, timeout=timeout_s)
    finally:
        waiting.cancel()
    return event.is_set()


def job_topic(job_id: str) -> str:
    """What was decided of a job: its state, and the orders of its agents."""
    return f"job:{job_id}"


def job_of_topic(topic: str) -> str:
    """The job of such a topic; empty for another one."""
    kind, _, job_id = topic.partition(":")
    return job_id if kind == "job" else ""


def output_topic(job_id: str) -> str:
    """What a job's ranks wrote. A topic of its own, so that a line of one wakes no agent."""
    return f"output:{job_id}"


def visits_topic(job_id: str) -> str:
    """What is run beside a job's ranks: no one but its agents need wake for that."""
    return f"visits:{job_id}"


def cluster_topic(cluster: str) -> str:
    return f"cluster:{cluster}"


EVERY_JOB, EVERY_OUTPUT, EVERY_CLUSTER = job_topic(""), output_topic(""), cluster_topic("")

SCHEDULE = "schedule"

OUTBOX = "outbox"
"""There is something to send to receivers outside."""

OWN_CLUSTERS = "own-clusters"
"""Something changed of the clusters that single jobs have on Kubernetes."""
