"""A simulated agent's connections: with `turn` for what launcher.executor.lines does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sim_net import Channel, Line

from launcher.executor.gang import Order

if TYPE_CHECKING:
    from sim_agent import Agent


class GangLines:
    """Callers of one agent, its lifeline to the leader, probes of followers that fell silent."""

    def __init__(self, agent: Agent) -> None:
        self.incoming: list[Channel] = []
        self._agent = agent
        self._hellos: dict[int, dict[str, Any]] = {}
        self._followers: dict[int, Channel] = {}
        self._probes: dict[int, str] = {}
        self._leader: Line | None = None

    def turn(self) -> None:
        # Each is read by a thread of its own: in no order.
        for channel in self._agent.world.random.sample(self.incoming, len(self.incoming)):
            for message in channel.receive(self._agent):
                self._hear(channel, message)
            if channel.is_over(self._agent):
                self._end(channel)
        if self._leader is not None:
            self._leader.turn()
        for index, address in list(self._probes.items()):
            answer = self._dial(address, index, {"role": "probe"})
            if answer != "silence":
                del self._probes[index]
            if answer == "refused":
                self._peer_died(index)

    def follow(self, leader: str) -> None:
        agent = self._agent
        if agent.index and self._leader is None and leader:
            self._leader = Line(
                agent,
                leader,
                lambda address: self._dial(address, 0, {"role": "follower", "index": agent.index}),
                agent.now,
                on_up=lambda _: self.tell(),
                on_message=self._hear_leader,
                on_dead=lambda: self._peer_died(0),
            )

    def tell(self) -> None:
        core = self._agent.core
        if core.leader is not None:
            for channel in self._followers.values():
                channel.send(self._agent, core.order)
        elif self._leader is not None:
            self._leader.send(core.state)

    def _dial(self, address: str, index: int, hello: dict[str, object]) -> Channel | str:
        owner = (self._agent.allocation, index)
        return self._agent.world.dial(self._agent, address, owner, hello)

    def _hear(self, channel: Channel, message: Any) -> None:
        mail, core = self._agent.mail, self._agent.core
        hello = self._hellos.get(channel.number)
        if hello is None:
            self._hellos[channel.number] = hello = message
            if hello["role"] == "follower":
                self._followers[hello["index"]] = channel
            else:
                mail.append(partial(self._hear_executor, channel, hello["session"], None))
        elif hello["role"] == "follower":
            mail.append(partial(core.peer_says, message))
        elif "renew" in message:
            told = (message["session"], message["renew"])
            mail.append(partial(self._hear_executor, channel, *told))
        else:
            mail.append(partial(core.close, message["close"]))

    def _end(self, channel: Channel) -> None:
        self.incoming.remove(channel)
        channel.close(self._agent)
        hello = self._hellos.pop(channel.number, {"role": "none"})
        if hello["role"] == "executor":
            self._agent.mail.append(partial(self._agent.core.executor_gone, channel.number))
        elif hello["role"] == "follower" and self._followers.get(hello["index"]) is channel:
            del self._followers[hello["index"]]
            self._probes[hello["index"]] = hello["address"]

    def _hear_executor(
        self, channel: Channel, session: int, asked_at: float | None, now: float
    ) -> None:
        core = self._agent.core
        core.executor_says(channel.number, session, now if asked_at is None else asked_at, now)
        self._agent.hold_to_deadline()
        channel.send(self._agent, {"asked_at": self._agent.now(), "session": core.session})

    def _hear_leader(self, order: Order) -> None:
        core = self._agent.core
        self._agent.mail.append(lambda now: core.leader_orders(order, now))

    def _peer_died(self, index: int) -> None:
        core = self._agent.core
        self._agent.mail.append(lambda now: core.peer_lost(index, "refused", now))
