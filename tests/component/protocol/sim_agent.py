"""A simulated agent: the real AgentCore, with `turn` for what launcher.executor.agent does."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim_lines import GangLines
from sim_net import Channel
from sim_node import Keeper, Node, RankProcess

from launcher.errors import NotFoundError
from launcher.executor import core as core_
from launcher.executor.agent import KEEPER_PATIENCE_S
from launcher.executor.core import AgentCore
from launcher.model.gang import GangNode
from launcher.model.job import Job, RankExit
from launcher.model.wire import Orders

if TYPE_CHECKING:
    from sim_world import World

BUSY = frozenset({"preparing", "exited"})


class Agent:
    """One life of an agent on one node. `address` is empty until the server told it its job."""

    def __init__(self, world: World, node: Node, allocation: str, index: int, number: int) -> None:
        self.world, self.node, self.allocation, self.index = world, node, allocation, index
        self.job_id = allocation.rpartition(".")[0]
        self.place, self.name = node.place, f"agent {allocation}/{index}"
        self.is_alive, self.is_stopped = True, False
        self.freezes_at: type[core_.Action] | None = None
        """It stands still between such a decision and the deed."""
        self.number = number
        self.address = ""
        self.mail: list[Callable[[float], None]] = []
        self._pending: list[core_.Action] = []
        self.lines = GangLines(self)
        self._keeper: Keeper | None = None
        self._ranks: list[RankProcess] = []
        self._signalled = False
        self._preparing = 0
        self._ready_to_tell = 0
        self._draining = 0
        self._shipped: dict[Any, int] = {}
        self._seen = ""

    @property
    def is_open(self) -> bool:
        return self.is_alive

    @property
    def core(self) -> AgentCore:
        return self._core

    def now(self) -> float:
        return self.node.clock.at(self.world.t)

    # --- what happens to it ----------------------------------------------------------------------

    def kill(self, burial_s: float = 0.0) -> None:
        self.is_alive = False
        if self._keeper is not None:
            self._keeper.buries_at = self.world.t + burial_s

    def accept(self, channel: Channel, hello: dict[str, Any]) -> None:
        """Its kernel took a connection; the first message is read when it comes through."""
        channel.send(channel.caller, hello)
        self.lines.incoming.append(channel)

    def turn(self) -> None:
        if not self.is_alive or self.is_stopped:
            return
        if not self.address:
            self._boot()
            return
        for action in self._take_pending():
            self._act(action)
        self.lines.turn()
        self._exchange()
        self._ship()
        self._work()
        for deed in self._take_mail():
            self._one(deed)
            if self.is_stopped or not self.is_alive:
                return
        self._one(lambda _: None)
        self.lines.tell()

    def _one(self, deed: Callable[[float], None]) -> None:
        """One round of the agent's loop."""
        deed(self.now())
        self._core.tick(self.now())
        self.hold_to_deadline()
        actions = self._core.actions()
        if self.freezes_at and any(isinstance(action, self.freezes_at) for action in actions):
            self.is_stopped, self.freezes_at = True, None
            self._pending = actions
            return
        for action in actions:
            self._act(action)

    def _take_pending(self) -> list[core_.Action]:
        taken, self._pending = self._pending, []
        return taken

    def _take_mail(self) -> list[Callable[[float], None]]:
        taken, self.mail = self.mail, []
        return taken

    # --- with the server -------------------------------------------------------------------------

    def _boot(self) -> None:
        server = self.world.server

        def setup() -> Job | None:
            try:
                return server.setup(self.allocation)
            except NotFoundError:
                return None

        self.world.net.request(self, self.name, setup, self._make, server)

    def _make(self, job: Job | None) -> None:
        if job is None or job.allocation is None:
            self.is_alive = False
            return
        ranks = [slot.ranks for slot in job.allocation.slots]
        node = GangNode(self.index, self.place, ranks[self.index])
        self._core = AgentCore(
            self.allocation, self.index, ranks, node, self.now(), grace_s=job.policy.grace_s
        )
        self._sets_up = job.policy.sets_up
        self.address = f"{self.place}:{self.number}"
        self.world.addresses[self.address] = self

    def _exchange(self) -> None:
        asked_at, server = self.now(), self.world.server
        status = self._core.status(self.address, self._seen)

        def take(orders: Orders) -> None:
            self._seen = orders.version
            self.mail.append(lambda now: self._obey(orders, asked_at, now))

        self.world.net.request(self, self.name, lambda: server.sync(status), take, server)

    def _obey(self, orders: Orders, asked_at: float, now: float) -> None:
        self.lines.follow(orders.peers[0] if orders.peers else "")
        self._core.obey(orders, asked_at, now)

    def _ship(self) -> None:
        """Every spool of the job on this node: as launcher.executor.shipping does it."""
        for key, spool in self.node.spools.items():
            offset = self._shipped.get(key, -1)
            if key[0] != self.job_id or offset == len(spool):
                continue
            data = bytes(spool[max(offset, 0) :]) if offset >= 0 else b""
            self._ship_piece(key, max(offset, 0), data)

    def _ship_piece(self, key: Any, offset: int, data: bytes) -> None:
        server = self.world.server

        def append() -> int:
            return server.database.append(key, offset, data)

        def take(length: int) -> None:
            self._shipped[key] = max(self._shipped.get(key, -1), length)

        self.world.net.request(self, f"{self.name} ships", append, take, server)

    def _all_is_shipped(self, attempt: int) -> bool:
        return all(
            self._shipped.get(key, -1) == len(spool)
            for key, spool in self.node.spools.items()
            if key[:2] == (self.job_id, attempt)
        )

    # --- what it does ----------------------------------------------------------------------------

    def hold_to_deadline(self) -> None:
        if self._keeper is not None:
            self._keeper.until = self._core.deadline + KEEPER_PATIENCE_S

    def _act(self, action: core_.Action) -> None:
        match action:
            case core_.Prepare():
                self._preparing = action.attempt
            case core_.Abandon():
                self._preparing = self._ready_to_tell = 0
            case core_.Launch():
                self._launch(action)
            case core_.Stop():
                self._signalled = True
                number = signal.SIGKILL if action.stage == "kill" else signal.SIGTERM
                for rank in self._ranks:
                    rank.hear(number)
            case core_.HandOver():
                self._draining = action.attempt
            case core_.Close():
                self._leave()

    def _launch(self, action: core_.Launch) -> None:
        if self._keeper is None or not self._keeper.is_alive:
            self._keeper = Keeper(self)
            self.node.keepers.append(self._keeper)
        # The keeper is told the deadline that the core had when it decided, not a later one.
        self._keeper.until = min(self._keeper.until, self._core.deadline + KEEPER_PATIENCE_S)
        self._signalled = False
        number = int(self.allocation.rpartition(".")[2])
        self._ranks = []
        for rank in action.gang.on_node(self.index):
            process = self.world.new_rank(self, number, action.attempt, rank.rank)
            self.node.start(process, self._keeper, self.now())
            self._ranks.append(process)
        self.world.check()

    def _work(self) -> None:
        """What its other threads bring to an end."""
        if self._ranks and any(not rank.is_alive for rank in self._ranks):
            exits = [
                RankExit(r.rank, r.code or 0, stopped=self._signalled, reported=r.step > 0)
                for r in self._ranks
                if not r.is_alive
            ]
            attempt = self._ranks[0].attempt
            self.mail.append(lambda now: self._core.exited(attempt, exits, now))
        if self._ready_to_tell:
            done, self._ready_to_tell = self._ready_to_tell, 0
            self.mail.append(lambda now: self._core.prepared(done, now))
        if self._preparing and self.world.net.reaches(self.place, "server"):
            done, self._preparing = self._preparing, 0
            if self._sets_up:
                self.mail.append(lambda now: self._core.environment_ready(done, now))
                self._ready_to_tell = done
            else:
                self.mail.append(lambda now: self._core.prepared(done, now))
        if self._draining and self._all_is_shipped(self._draining):
            drained, self._draining = self._draining, 0
            self.mail.append(lambda now: self._core.handed_over(drained, now))

    def _leave(self) -> None:
        if self._keeper is not None:
            self._keeper.die()
        self._exchange()
        self.is_alive = False
