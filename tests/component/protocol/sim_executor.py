"""A simulated executor on a simulated Ray: the real `plan`, with `turn` for its threads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sim_agent import Agent
from sim_net import Clock, Line
from sim_server import CLUSTER

from launcher.errors import ConflictError, LauncherError
from launcher.executor.holding import CLOSE_PATIENCE_S, SILENT_AFTER_S
from launcher.executor.plan import GiveBack, plan, unproven
from launcher.executor.rayside import CALL_TIMEOUT_S
from launcher.model.codec import decode
from launcher.model.node import NodeReport
from launcher.model.wire import (
    AgentReport,
    AllocationReport,
    Desired,
    Hello,
    Report,
    WantedAllocation,
)

if TYPE_CHECKING:
    from sim_world import World


class Ray:
    """Placement groups and named actors. They outlive whoever made them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.groups: set[str] = set()
        self.is_full = False
        """Another user of the cluster has the resources."""
        self._actors: dict[tuple[str, int], Agent] = {}
        self._made = 0

    def agent(self, wanted: WantedAllocation, index: int, place: str) -> Agent:
        """The named actor, made if there is none.

        Raises:
            LauncherError: its node is gone, or its group.
        """
        node = self.world.nodes[wanted.nodes[index].node_id]
        if not self.world.net.reaches(place, node.place):
            raise LauncherError("the node does not answer")
        known = self._actors.get((wanted.id, index))
        if known is not None and known.is_alive:
            return known
        if wanted.id not in self.groups:
            raise LauncherError("its placement group is gone")
        self._made += 1
        agent = Agent(self.world, node, wanted.id, index, self._made)
        self._actors[wanted.id, index] = agent
        node.agents.append(agent)
        return agent

    def allocations(self) -> set[str]:
        """Those that have a living agent."""
        return {name for (name, _), agent in self._actors.items() if agent.is_alive}

    def kill_agents(self, allocation: str, place: str) -> None:
        for (owner, _), agent in self._actors.items():
            if owner == allocation and self.world.net.reaches(place, agent.place):
                agent.kill()


class Holding:
    """As launcher.executor.holding.Holding."""

    def __init__(self, executor: Executor, wanted: WantedAllocation, *, stopping: bool) -> None:
        self.wanted, self.state, self.is_stopping = wanted, "making", stopping
        self._executor, self._world = executor, executor.world
        self._lines: dict[int, Line] = {}
        self._asked_at: dict[int, float] = {}
        self._obeyed: dict[int, int] = {}
        self._is_held = False
        self._next: tuple[int, Agent, float] | None = None
        self._close_until = 0.0
        self._is_released = False

    def update(self, wanted: WantedAllocation) -> None:
        self.wanted = wanted
        for node in wanted.nodes:
            line = self._lines.get(node.index)
            if node.address and (line is None or line.address != node.address):
                self._link(node.index, node.address)

    def turn(self) -> None:
        for line in list(self._lines.values()):
            line.turn()
        if self.state == "making" and not self.is_stopping:
            try:
                self._make()
            except LauncherError:
                self.state = "failed"
        elif self.state in {"making", "up", "failed"} and self.is_stopping:
            self.state = "stopping"
            self._close_until = self._executor.now() + CLOSE_PATIENCE_S
        elif self.state == "stopping":
            self._give_back()

    def _make(self) -> None:
        if not self._lines and not self._is_held:
            if self._world.ray.is_full and self.wanted.id not in self._world.ray.groups:
                raise LauncherError("somebody else took the resources")
            self._world.ray.groups.add(self.wanted.id)
        self._is_held = True
        if self._next is None:
            missing = [n.index for n in self.wanted.nodes if n.index not in self._lines]
            if not missing:
                self.state = "up"
                return
            agent = self._world.ray.agent(self.wanted, missing[0], self._executor.place)
            self._next = (missing[0], agent, self._executor.now() + CALL_TIMEOUT_S)
            return
        index, agent, give_up_at = self._next
        if not agent.is_alive or self._executor.now() > give_up_at:
            raise LauncherError("the agent did not start")
        answers = self._world.net.reaches(self._executor.place, agent.place)
        if agent.address and answers and not agent.is_stopped:
            self._next = None
            if index not in self._lines:
                self._link(index, agent.address)

    def _give_back(self) -> None:
        waits = unproven(self.wanted, self._dead())
        if not self._is_released:
            for line in self._lines.values():
                line.send({"close": "given back"})
            if waits and self._executor.now() < self._close_until:
                return
            self._world.ray.kill_agents(self.wanted.id, self._executor.place)
            self._world.ray.groups.discard(self.wanted.id)
            self._is_released = True
        if not waits:
            self.state = "gone"

    def _dead(self) -> set[int]:
        return {index for index, line in self._lines.items() if line.dead}

    def _link(self, index: int, address: str) -> None:
        def hear(message: dict[str, Any]) -> None:
            self._asked_at[index] = message["asked_at"]
            self._obeyed[index] = message["session"]

        hello = {"role": "executor", "session": self._executor.fence}
        owner = (self.wanted.id, index)
        self._lines[index] = Line(
            self._executor,
            address,
            lambda address: self._world.dial(self._executor, address, owner, hello),
            self._executor.now,
            on_up=lambda _: self._obeyed.pop(index, None),
            on_message=hear,
        )

    def renew(self) -> None:
        for index, line in self._lines.items():
            if index in self._asked_at:
                line.send({"renew": self._asked_at[index], "session": self._executor.fence})

    def report(self) -> AllocationReport:
        agents = tuple(self._agent_report(index, line) for index, line in self._lines.items())
        return AllocationReport(self.wanted.id, self.state, agents)

    def _agent_report(self, index: int, line: Line) -> AgentReport:
        silent_s = self._executor.now() - line.heard_at
        return AgentReport(
            index=index,
            state="dead" if line.dead else "silent" if silent_s > SILENT_AFTER_S else "alive",
            address=line.address,
            silent_s=silent_s,
            linked=line.channel is not None and self._obeyed.get(index) == self._executor.fence,
        )


class Executor:
    """One life of an executor process."""

    def __init__(self, world: World, place: str, clock: Clock, replaces: int | None) -> None:
        self.world, self.place, self._clock = world, place, clock
        self.is_open, self.is_stopped = True, False
        self.fence = 0
        self.holdings: dict[str, Holding] = {}
        self._replaces = replaces
        self._has_session = False
        self._receipt = ""
        self._named: set[str] = set()
        self._found_here: set[str] | None = None

    def now(self) -> float:
        return self._clock.at(self.world.t)

    def turn(self) -> None:
        if not self.is_open or self.is_stopped:
            return
        if not self._has_session:
            self._ask("session", lambda: self._server.executors.open_session(self._hello()))
            if not self.fence:
                return
        else:
            fence = self.fence
            self._ask("wishes", lambda: self._server.executors.desired(CLUSTER, fence))
        for holding in list(self.holdings.values()):
            holding.turn()
            holding.renew()
        report = self._report()
        self._ask("report", lambda: self._server.executors.take(report))

    @property
    def _server(self) -> Any:
        return self.world.server

    def _ask(self, what: str, handle: Any) -> None:
        def handled() -> tuple[str, Any]:
            try:
                return what, handle()
            except ConflictError:
                return f"{what} refused", None

        self.world.net.request(self, f"{self.place} {what}", handled, self._take, self._server)

    def _take(self, answer: tuple[str, Any]) -> None:
        match answer:
            case ("session", session):
                if session.fence > self.fence:
                    self.fence, self._has_session = session.fence, True
            case ("wishes", told):
                self._carry_out(decode(Desired, json.loads(told.text)))
            case ("wishes refused", _):
                self._has_session = False
            case ("report", receipt):
                self._receipt = receipt

    def _hello(self) -> Hello:
        replaces = self.fence or self._replaces
        return Hello(CLUSTER, "ray", "2", "3", "0", self.place, replaces=replaces)

    def _carry_out(self, desired: Desired) -> None:
        self._named |= {wanted.id for wanted in (*desired.allocations, *desired.stop)}
        stopping = {name for name, held in self.holdings.items() if held.is_stopping}
        for step in plan(desired, self.holdings, stopping):
            is_end = isinstance(step, GiveBack)
            if step.wanted.id not in self.holdings:
                self.holdings[step.wanted.id] = Holding(self, step.wanted, stopping=is_end)
            if is_end:
                self.holdings[step.wanted.id].is_stopping = True
        for wanted in (*desired.allocations, *desired.stop):
            self.holdings[wanted.id].update(wanted)
        for name in [n for n, held in self.holdings.items() if held.state == "gone"]:
            if name not in {wanted.id for wanted in desired.stop}:
                del self.holdings[name]

    def _report(self) -> Report:
        nodes = tuple(
            NodeReport(node.place, node.place, node.place, {}, {})
            for node in self.world.nodes.values()
            if self.world.net.reaches(self.place, node.place)
        )
        if self._found_here is None:
            self._found_here = set(self.world.ray.groups)
        held = [holding.report() for holding in self.holdings.values()]
        orphans = (self.world.ray.allocations() | self._found_here) - self._named
        held += [AllocationReport(name, "orphan") for name in sorted(orphans)]
        return Report(CLUSTER, self.fence, nodes, tuple(held), self._receipt)
