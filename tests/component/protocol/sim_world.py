"""The simulated world: jobs, a server, executors on a Ray cluster, agents and ranks, and time.

Everything that decides is the production code; what is simulated is what lies outside of it: the
network, processes, machines and the passing of time. `check` holds the invariants, `finish` lets
all faults end and asks that every job ends too.
"""

from __future__ import annotations

from random import Random
from unittest.mock import patch

from sim_agent import Agent
from sim_executor import Executor, Ray
from sim_net import Channel, Clock, End, Net
from sim_node import Node, Program, RankProcess
from sim_server import TABLES, Database, Server

from launcher.model.job import AllocationState, Job, Policy, Resources
from launcher.model.states import JobState

ORPHAN_S = 150.0
"""For hours in the real one: so that schedules reach it."""


class World:
    """All of it. Processes take turns; a turn is at most `STEP_S` after the one before."""

    def __init__(self, nodes: int = 2, seed: int = 0) -> None:
        self.t = 0.0
        self.random = Random(seed)
        self.net = Net()
        self.nodes = {f"n{i}": Node(f"n{i}", self._new_clock()) for i in range(nodes)}
        self.addresses: dict[str, Agent] = {}
        self.programs: dict[str, list[Program]] = {}
        self.database = Database()
        self._patches = [
            patch("launcher.executor.core.ORPHAN_TIMEOUT_S", ORPHAN_S),
            patch("launcher.server.rules.FORGOTTEN_S", ORPHAN_S + 40.0),
            patch("launcher.server.executors.jobs", TABLES),
            patch("launcher.server.executors.clusters", TABLES),
        ]
        for one in self._patches:
            one.start()
        self.ray = Ray(self)
        self._server_clock = self._new_clock()
        self._executor_clock = self._new_clock()
        self.server = Server(self.database, self._server_clock, lambda: self.t)
        self.executors = [Executor(self, "x0", self._executor_clock, None)]
        self._finishing = False

    def close(self) -> None:
        for one in self._patches:
            one.stop()

    def _new_clock(self) -> Clock:
        return Clock(self.random.uniform(0, 1e6), self.random.uniform(0.98, 1.02))

    # --- what people do --------------------------------------------------------------------------

    def submit(
        self, *programs: Program, nodes: int = 1, workers: int | None = None, **policy: float
    ) -> str:
        name = f"job-{len(self.database.jobs)}"
        resources = Resources(workers=workers or nodes, nodes=nodes)
        limits = Policy(**({"backoff_s": 3.0, "start_timeout_s": 90.0, "grace_s": 5.0} | policy))  # type: ignore[arg-type]
        self.programs[name] = list(programs) or [Program()]
        self.database.save(
            Job(name, name, "default", 50, "any", {}, "", resources, limits, self.t, queued_at=0)
        )
        return name

    def job(self, name: str) -> Job:
        return self.database.jobs[name]

    # --- time ------------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        end = self.t + seconds
        while self.t < end - 1e-9:
            self.t = min(end, self.t + (1.0 if seconds <= 8 else 3.0))
            self._turn()

    def run_until(self, condition: str, name: str = "job-0", limit_s: float = 60.0) -> None:
        """Until the job is in the state, or (`ranks`) until it has live ranks on all its nodes."""
        end = self.t + limit_s
        while not self._is(condition, name):
            assert self.t < end, f"{name} is {self.job(name).state}, not {condition}"
            self.run(1.0)

    def _is(self, condition: str, name: str) -> bool:
        job = self.job(name)
        if condition == "ranks":
            return len(self.live_ranks()) == job.resources.workers
        return job.state.value == condition

    def _turn(self) -> None:
        if self.server.is_open:
            self.server.cycle(self.random)
        for executor in list(self.executors):
            executor.turn()
        for node in self.nodes.values():
            node.turn(self.t, lambda: self._finishing)
            for agent in list(node.agents):
                agent.turn()
            node.agents = [agent for agent in node.agents if agent.is_alive]
        self.check()

    # --- invariants ------------------------------------------------------------------------------

    def live_ranks(self) -> list[RankProcess]:
        return [rank for node in self.nodes.values() for rank in node.live_ranks()]

    def check(self) -> None:
        """No two attempts of a job live, and none that the server holds for over."""
        attempts: dict[str, int] = {}
        for rank in self.live_ranks():
            here = f"rank {rank.rank} of attempt {rank.attempt} of {rank.job}"
            other = attempts.setdefault(rank.job, rank.attempt)
            assert other == rank.attempt, f"{here} lives beside one of attempt {other}"
            attempt = self.job(rank.job).attempt
            assert attempt is not None
            assert attempt.number == rank.attempt, f"{here} lives in attempt {attempt.number}"
            assert not attempt.is_over, f"{here} lives and its attempt is over"
            over = self.server.slot_is_over(rank.job, rank.allocation, rank.index, rank.attempt)
            assert not over, f"{here} lives and its slot is over"

    # --- processes -------------------------------------------------------------------------------

    def new_rank(self, agent: Agent, allocation: int, attempt: int, rank: int) -> RankProcess:
        programs = self.programs[agent.job_id]
        program = programs[min(attempt, len(programs)) - 1]
        ends_at = self.t + program.runs_s + rank
        return RankProcess(agent.job_id, allocation, agent.index, attempt, rank, program, ends_at)

    def dial(
        self, caller: End, address: str, owner: tuple[str, int], hello: dict[str, object]
    ) -> Channel | str:
        """A channel, or `refused`, or `silence`."""
        agent = self.addresses[address]
        if not self.net.reaches(caller.place, agent.place):
            return "silence"
        if not agent.is_alive:
            buried = not any(keeper.agent is agent for keeper in agent.node.keepers)
            return "refused" if buried else "silence"
        if (agent.allocation, agent.index) != owner:
            return "refused"
        if agent.is_stopped:
            return "silence"
        if hello["role"] == "probe":
            return "answer"
        channel = self.net.connect(caller, agent)
        agent.accept(channel, hello | {"address": getattr(caller, "address", "")})
        return channel

    def agents(self) -> list[Agent]:
        return [agent for node in self.nodes.values() for agent in node.agents if agent.address]

    def kill_server(self) -> None:
        self.server.is_open = False

    def start_server(self) -> None:
        if not self.server.is_open:
            self.server = Server(self.database, self._server_clock, lambda: self.t)

    def kill_executors(self) -> None:
        for executor in self.executors:
            executor.is_open = False

    def start_executor(self, *, knows: bool) -> None:
        """`knows`: where the last one ran, so that it knows which session it replaces."""
        last = self.executors[-1]
        self.executors = [executor for executor in self.executors if executor.is_open][-2:]
        place = last.place if knows else f"x{int(last.place[1:]) + 1}"
        self.executors.append(
            Executor(self, place, self._executor_clock, last.fence if knows else None)
        )

    def power_off(self, name: str) -> None:
        self.net.off.add(name)
        self.nodes[name].lose_power()

    # --- the end ---------------------------------------------------------------------------------

    def finish(self) -> None:
        """Let all faults end: every job comes to its end, and nothing stays behind."""
        self.net.cuts.clear()
        self.net.off.clear()
        self.net.faults.clear()
        self.ray.is_full = False
        self._finishing = True
        self.start_server()
        for executor in self.executors:
            executor.is_stopped = False
        if not any(executor.is_open for executor in self.executors):
            self.start_executor(knows=True)
        for agent in [agent for node in self.nodes.values() for agent in node.agents]:
            agent.is_stopped, agent.freezes_at = False, None
        for _ in range(400):
            if self._is_done():
                return
            self.run(9.0)
        raise AssertionError(f"not everything ended: {self._left()}")

    def _is_done(self) -> bool:
        return not self._left()

    def _left(self) -> list[object]:
        jobs = [j for j in self.database.jobs.values() if not j.state.is_terminal]
        held = [
            a for a in self.database.allocations.values() if a.state is not AllocationState.GONE
        ]
        agents = [agent.name for node in self.nodes.values() for agent in node.agents]
        return [*jobs, *held, *agents, *self.live_ranks(), *sorted(self.ray.groups)]

    def state(self, name: str = "job-0") -> JobState:
        return self.job(name).state
