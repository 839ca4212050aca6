"""A simulated machine: its keepers and ranks, and the spools on its disk."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sim_net import Clock

SpoolKey = tuple[str, int, int]


@dataclass(frozen=True)
class Program:
    """What a job's ranks do in an attempt.

    The first of them ends after `runs_s` with `code`, the others a little later.
    """

    runs_s: float = 5.0
    code: int = 0
    ignores_term: bool = False


@dataclass
class RankProcess:
    job: str
    allocation: int
    index: int
    attempt: int
    rank: int
    program: Program
    ends_at: float
    step: int = 0
    code: int | None = None

    @property
    def is_alive(self) -> bool:
        return self.code is None

    def hear(self, number: int) -> None:
        if self.is_alive and (number == signal.SIGKILL or not self.program.ignores_term):
            self.code = -number


@dataclass
class Keeper:
    """As launcher/executor/keeper.py: starts ranks, and buries them without their agent.

    While it lives, its agent's address does not refuse.
    """

    agent: Any
    until: float = math.inf
    buries_at: float = 0.0
    """Not before this time (of the world): the kernel takes its time to end a process."""
    ranks: list[RankProcess] = field(default_factory=list)
    told: set[int] = field(default_factory=set)
    is_alive: bool = True

    def turn(self, t: float, now: float) -> None:
        if not self.is_alive:
            return
        if now >= self.until or (not self.agent.is_open and t >= self.buries_at):
            self.die()

    def die(self) -> None:
        """Its death signal takes the ranks along."""
        for rank in self.ranks:
            rank.hear(signal.SIGKILL)
        self.is_alive = False


class Node:
    """One machine of the cluster."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.place, self.clock = name, clock
        self.agents: list[Any] = []
        self.keepers: list[Keeper] = []
        self.spools: dict[SpoolKey, bytearray] = {}
        self.started: set[SpoolKey] = set()

    def live_ranks(self) -> list[RankProcess]:
        return [r for k in self.keepers for r in k.ranks if r.is_alive]

    def start(self, rank: RankProcess, keeper: Keeper, now: float) -> None:
        """The agent's order to its keeper, which may have given the ranks up already."""
        if not keeper.is_alive or now >= keeper.until:
            rank.code = -signal.SIGKILL
            return
        key = (rank.job, rank.attempt, rank.rank)
        assert key not in self.started, f"rank {key} started twice"
        self.started.add(key)
        self.spools[key] = bytearray()
        keeper.ranks.append(rank)

    def turn(self, t: float, at_once: Callable[[], bool]) -> None:
        for keeper in self.keepers:
            keeper.turn(t, self.clock.at(t))
        self.keepers = [keeper for keeper in self.keepers if keeper.is_alive]
        for rank in self.live_ranks():
            line = {"k": "m", "step": rank.step, "m": {"step": 0.5}, "t": t}
            self.spools[rank.job, rank.attempt, rank.rank] += json.dumps(line).encode() + b"\n"
            rank.step += 1
            if at_once():
                rank.code = 0
            elif t >= rank.ends_at:
                rank.code = rank.program.code

    def lose_power(self) -> None:
        for agent in self.agents:
            agent.is_alive = False
        for keeper in self.keepers:
            keeper.die()
        self.agents, self.keepers = [], []
