"""The network of the simulated world: requests that go wrong, connections, and clocks that differ.

What is taken for granted of it, as of the real one: bytes of one connection keep their order, a
refused connection comes from the machine that is asked, and a connection that something in between
resets is reset at both ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

FAULTS = ("lose request", "lose answer", "double", "hold request", "hold answer")


class End(Protocol):
    """A process that can have connections."""

    place: str

    @property
    def is_open(self) -> bool:
        """False once its machine's kernel has closed its connections."""


@dataclass(frozen=True)
class Clock:
    """A machine's monotonic clock: an origin and a rate of its own."""

    origin: float
    rate: float

    def at(self, t: float) -> float:
        return self.origin + self.rate * t


@dataclass
class Net:
    """Who reaches whom. A place is `server`, an executor's, or a node's name."""

    cuts: set[frozenset[str]] = field(default_factory=set)
    off: set[str] = field(default_factory=set)
    """Machines without power."""
    faults: dict[str, str] = field(default_factory=dict)
    """What becomes of the next request of each sender."""
    held: list[Callable[[], object]] = field(default_factory=list)
    """Requests and answers that come late."""
    channels: list[Channel] = field(default_factory=list)
    connections: int = 0

    def reaches(self, one: str, other: str) -> bool:
        if one in self.off or other in self.off:
            return False
        return frozenset((one, other)) not in self.cuts

    def request(
        self,
        sender: End,
        name: str,
        handle: Callable[[], Any],
        take: Callable[[Any], None],
        server: End,
    ) -> None:
        """Let the server handle a request and the sender take the answer, as the network allows."""
        fault = self.faults.pop(name, "")
        if fault == "hold request":
            self.held.append(lambda: server.is_open and handle())
        elif fault != "lose request" and server.is_open and self.reaches(sender.place, "server"):
            answer = handle()
            if fault == "double":
                self.held.append(lambda: server.is_open and handle())
                answer = handle()
            if fault == "hold answer":
                self.held.append(lambda: sender.is_open and take(answer))
            elif fault != "lose answer":
                take(answer)

    def connect(self, caller: End, callee: End) -> Channel:
        self.channels = [channel for channel in self.channels if not channel.is_forgotten]
        channel = Channel(self, caller, callee)
        self.channels.append(channel)
        return channel


class Channel:
    """One connection: ordered messages both ways, until an end's machine closes it or it breaks."""

    def __init__(self, net: Net, caller: End, callee: End) -> None:
        self.caller = caller
        net.connections += 1
        self.number = net.connections
        self._net, self._ends = net, (caller, callee)
        self._boxes: tuple[deque[Any], deque[Any]] = (deque(), deque())
        self._closed: set[int] = set()
        self._broken = False

    @property
    def is_forgotten(self) -> bool:
        return self._broken or not any(end.is_open for end in self._ends)

    def _index(self, end: End) -> int:
        return 0 if end is self._ends[0] else 1

    def send(self, sender: End, message: Any) -> None:
        self._boxes[1 - self._index(sender)].append(message)

    def receive(self, receiver: End) -> list[Any]:
        """What came through."""
        other = self._ends[1 - self._index(receiver)]
        if self._broken or not self._net.reaches(receiver.place, other.place):
            return []
        box = self._boxes[self._index(receiver)]
        messages = list(box)
        box.clear()
        return messages

    def is_over(self, reader: End) -> bool:
        """Whether the reader was told that the connection has ended."""
        index = 1 - self._index(reader)
        other = self._ends[index]
        ended = index in self._closed or not other.is_open
        return self._broken or (ended and self._net.reaches(reader.place, other.place))

    def close(self, end: End) -> None:
        self._closed.add(self._index(end))

    def break_(self) -> None:
        """Something in between resets it, at both ends."""
        self._broken = True

    def touches(self, place: str) -> bool:
        return any(end.place == place for end in self._ends)


class Line:
    """A lifeline, as `launcher.executor.channel.Lifeline` is one; `turn` is its thread."""

    def __init__(
        self,
        owner: End,
        address: str,
        dial: Callable[[str], Channel | str],
        now: Callable[[], float],
        *,
        on_up: Callable[[Channel], None] = lambda _: None,
        on_message: Callable[[Any], None],
        on_dead: Callable[[], None] = lambda: None,
    ) -> None:
        self.address, self.heard_at, self.dead = address, now(), False
        self.channel: Channel | None = None
        self._owner, self._dial, self._now = owner, dial, now
        self._on_up, self._on_message, self._on_dead = on_up, on_message, on_dead

    def send(self, message: Any) -> None:
        if self.channel is not None:
            self.channel.send(self._owner, message)

    def turn(self) -> None:
        if self.channel is not None:
            for message in self.channel.receive(self._owner):
                self.heard_at = self._now()
                self._on_message(message)
            if self.channel.is_over(self._owner):
                self.channel.close(self._owner)
                self.channel = None
        if self.channel is None and not self.dead:
            answer = self._dial(self.address)
            if isinstance(answer, Channel):
                self.channel, self.heard_at = answer, self._now()
                self._on_up(answer)
            elif answer == "refused":
                self.dead = True
                self._on_dead()
