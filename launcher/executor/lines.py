"""An agent's connections to the rest of its gang, and the executor's to it.

Followers dial the leader (the server tells them its address) and keep that lifeline; the leader
listens, and dials a follower only to learn whether a connection that ended was a death.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from launcher.executor.channel import Channel, Lifeline, Listener, await_proof, key_of
from launcher.executor.core import AgentCore
from launcher.executor.gang import NodeState, Order
from launcher.model.codec import decode, encode

REPEAT_S = 2.0
"""How often states and orders are repeated, changed or not."""

Post = Callable[[Callable[[float], None]], None]


class GangLines:
    """Brings what is heard to the core, and tells the core's state or order to the others.

    Args:
        core: asked only from the agent's loop; spoken to only through `post`.
        post: puts a deed into the agent's mailbox.
        host: address to listen on.
        token: the job's, known to the gang and the executor.
        heed_deadline: holds the ranks to the core's deadline, before others may count on it.
    """

    def __init__(
        self,
        core: AgentCore,
        post: Post,
        *,
        host: str,
        token: str,
        heed_deadline: Callable[[], None],
    ) -> None:
        self._core, self._post, self._token = core, post, token
        self._heed_deadline = heed_deadline
        self._links = itertools.count(1)
        self._listener = Listener(host, self._key_of(core.index), self._serve)
        self._leader: Lifeline | None = None
        self._followers: dict[int, Channel] = {}
        self._told: tuple[NodeState, Order] | None = None
        self._told_at = 0.0

    @property
    def address(self) -> str:
        """host:port on which this agent can be reached."""
        return self._listener.address

    def fileno(self) -> int:
        """Of the listening socket."""
        return self._listener.fileno()

    def follow(self, leader: str) -> None:
        """Keep a lifeline to the leader at this address; nothing for the leader itself."""
        if self._core.leader is not None or self._leader is not None or not leader:
            return
        self._leader = Lifeline(
            leader,
            self._key_of(0),
            {"role": "follower", "index": self._core.index, "address": self.address},
            on_up=lambda _: self._post(lambda _: self.tell(anew=True)),
            on_message=self._hear_leader,
            on_dead=partial(self._peer_died, 0),
        )

    def tell(self, *, anew: bool = False) -> None:
        """Tell what changed, or everything: the leader its order, a follower its state."""
        news = (self._core.state, self._core.order)
        now = time.monotonic()
        if not anew and news == self._told and now - self._told_at < REPEAT_S:
            return
        self._told, self._told_at = news, now
        if self._core.leader is not None:
            for channel in list(self._followers.values()):
                channel.send(encode(self._core.order))
        elif self._leader is not None:
            self._leader.send(encode(self._core.state))

    def close(self) -> None:
        """To everybody else this agent is gone from now on."""
        if self._leader is not None:
            self._leader.close()
        self._listener.close()

    def _key_of(self, index: int) -> bytes:
        return key_of(self._token, self._core.allocation, index)

    def _serve(self, channel: Channel, hello: dict[str, Any]) -> None:
        if hello.get("role") == "follower" and self._core.leader is not None:
            self._serve_follower(channel, int(hello["index"]), str(hello["address"]))
        elif hello.get("role") == "executor":
            self._serve_executor(channel, int(hello["session"]))

    def _serve_follower(self, channel: Channel, index: int, address: str) -> None:
        self._followers[index] = channel
        self._post(lambda _: self.tell(anew=True))
        for message in channel.messages():
            state = decode(NodeState, message)
            self._post(partial(self._core.peer_says, state))
        if self._followers.get(index) is channel:
            del self._followers[index]
            # Ended, or dead? Its machine tells; a living follower dials us anew by itself.
            proof = await_proof(address, self._key_of(index))
            if proof:
                self._peer_died(index, proof)

    def _serve_executor(self, channel: Channel, session: int) -> None:
        link = next(self._links)
        self._post(partial(self._hear_executor, channel, link, session, None))
        for message in channel.messages():
            if "renew" in message:
                told = (int(message["session"]), float(message["renew"]))
                self._post(partial(self._hear_executor, channel, link, *told))
            elif message.get("close"):
                self._post(partial(self._core.close, str(message["close"])))
        if not channel.fell_silent:
            self._post(partial(self._core.executor_gone, link))

    def _hear_executor(
        self, channel: Channel, link: int, session: int, asked_at: float | None, now: float
    ) -> None:
        """The answer tells the executor that this agent obeys the lease from here on."""
        self._core.executor_says(link, session, now if asked_at is None else asked_at, now)
        self._heed_deadline()
        channel.send({"asked_at": time.monotonic(), "session": self._core.session})

    def _hear_leader(self, message: dict[str, Any]) -> None:
        order = decode(Order, message)
        self._post(lambda now: self._core.leader_orders(order, now))

    def _peer_died(self, index: int, proof: str) -> None:
        self._post(lambda now: self._core.peer_lost(index, proof, now))
