"""The agent's mind: what one node of an allocation does about grants, orders, leases and losses.

Pure: `AgentCore` is told what happened and when (its own monotonic clock), and gives actions for
the agent to carry out. Promises that it keeps, whatever is lost, repeated or reordered:

- ranks of an attempt start only under the server's grant for it and the leader's order;
- an attempt that ended here, or was to be stopped here before it started, never starts any more;
- past its deadline it kills its ranks and ends, and no word that comes later revives it. The
  deadline is its lease's end while an executor is linked to it; when that is known to be gone,
  nobody can have taken its silence for death, and it runs on for hours (docs/protocol.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from launcher.executor.gang import CRASH_KILL_S, Leader, NodeState, Order
from launcher.model.gang import Gang, GangNode
from launcher.model.job import RankExit
from launcher.model.wire import LEASE_S, ORPHAN_TIMEOUT_S, AgentStatus, CheckpointRef, Note, Orders

DEAF_LEADER_S = 20.0
"""How much longer than the grace a node waits for its leader to carry out the server's stop."""
LEADER_SILENCE_S = LEASE_S
"""A node whose ranks run and that hears no word of its leader for so long leaves the gang.

Both may be heard by the server all the while: without this, a gang whose leader cannot reach a
node would neither be stopped there nor ever be over.
"""
LEAVING_S = 10.0
"""How long an agent that leaves tries to ship what its ranks left; the next one here ships it."""

# --- what the agent shall do ----------------------------------------------------------------------


@dataclass(frozen=True)
class Prepare:
    """Put code, environment and checkpoint in place; then call `prepared` or `failed`.

    `environment_ready` is called on the way.
    """

    attempt: int
    resume: CheckpointRef | None


@dataclass(frozen=True)
class Abandon:
    """End the preparing at once, with all that it has started."""

    attempt: int


@dataclass(frozen=True)
class Launch:
    """Start this node's ranks; then call `exited` for each that ends."""

    attempt: int
    gang: Gang


@dataclass(frozen=True)
class Stop:
    """End this node's ranks: by `flag`, `signal`, `term` or `kill`; `save`: not yet."""

    attempt: int
    stage: str
    target: int = 0
    committed: bool = False


@dataclass(frozen=True)
class HandOver:
    """Ship what the ranks left; then call `handed_over`."""

    attempt: int


@dataclass(frozen=True)
class Close:
    """Leave: nothing runs here any more. `job_over`: the job's files on this node can go."""

    reason: str
    job_over: bool


Action = Prepare | Abandon | Launch | Stop | HandOver | Close


class AgentCore:
    """One node of one allocation. Every method that takes `now` may add to `actions()`."""

    def __init__(
        self,
        allocation: str,
        index: int,
        ranks: Sequence[int],
        node: GangNode,
        now: float,
        *,
        grace_s: float = 60.0,
        reserve_port: Callable[[], int] = lambda: 0,
        watches: bool = False,
        ranks_listen: bool = False,
    ) -> None:
        self.allocation, self.index, self.node = allocation, index, node
        self.job_id = allocation.rpartition(".")[0]
        self.leader = Leader(ranks, grace_s, reserve_port, watches=watches) if index == 0 else None
        self.state = NodeState(index, node=node)
        self.order = Order()
        self.grant = 0
        self.resume: CheckpointRef | None = None
        self.burnt = 0
        """No rank of this or an earlier attempt may start here any more."""
        self.set_up = 0
        """The environment of this attempt was in place here."""
        self.quiet = 0
        self.closed = ""
        self.lease_until = now + LEASE_S
        self.session = 0
        """The newest session of executors that linked itself."""
        self._server_asked_at = self._leader_heard_at = now
        self._links: set[int] = set()
        self._grace_s = grace_s
        self._reserve_port, self._ranks_listen = reserve_port, ranks_listen
        self._lost_peers: dict[int, str] = {}
        self._stop_asked: float | None = None
        self._save_asked: float | None = None
        self._draining_since: float | None = None
        self._closing = ""
        self._job_over = False
        self._sent: Stop | None = None
        self._notes: list[Note] = []
        self._note_count = 0
        self._actions: list[Action] = []

    def actions(self) -> list[Action]:
        """What to do now; each action is given once."""
        taken, self._actions = self._actions, []
        return taken

    def status(self, address: str, seen: str) -> AgentStatus:
        """What the server is told."""
        leader = self.leader
        return AgentStatus(
            allocation=self.allocation,
            index=self.index,
            address=address,
            attempt=self.grant,
            set_up=self.set_up,
            started=leader.started if leader else 0,
            quiet=self.quiet,
            verdict=leader.verdict if leader else None,
            closed=self.closed,
            lost_peers=tuple(sorted(self._lost_peers)),
            notes=tuple(self._notes),
            seen=seen,
            leaving=self.state.leaving,
        )

    def note(self, text: str, *, warning: bool = False) -> None:
        """Something that the job's events shall tell."""
        self._note_count += 1
        self._notes.append(Note(self._note_count, text, warning))

    # --- from the server -------------------------------------------------------------------------

    def obey(self, orders: Orders, asked_at: float, now: float) -> None:
        """The server's answer to a status that was sent at `asked_at`."""
        self._heed_deadline(now)
        self._server_asked_at = max(self._server_asked_at, asked_at)
        self._renew(asked_at)
        self._notes = [note for note in self._notes if note.number > orders.notes_taken]
        self._job_over = self._job_over or orders.job_over
        for index in orders.lost_nodes:
            if index != self.index:
                self.peer_lost(index, "the server knows it to be gone", now)
        if orders.close:
            self.close("the server gave the allocation up", now)
        elif orders.grant > max(self.grant, self.burnt):
            self._begin(orders.grant, orders.resume, now)
        if orders.stop and orders.grant == self.grant:
            self._stop(now, force=orders.force)
        self._follow(now)

    # --- from executors --------------------------------------------------------------------------

    @property
    def executor_linked(self) -> bool:
        return bool(self._links)

    def executor_says(self, link: int, session: int, asked_at: float, now: float) -> None:
        """An executor linked itself, or renewed the lease that was asked for at `asked_at`.

        The server believes the newest session alone, so that only its word counts here: another
        one's would prolong a lease that the newest takes for run out.

        Args:
            link: number of the connection.
            session: of the executor at its other end.
            asked_at: when this agent asked; `now` for a connection's first word.
            now: this agent's clock.
        """
        self._heed_deadline(now)
        if session > self.session:
            self.session = session
            self._links.clear()
        if session == self.session:
            self._links.add(link)
            self._renew(asked_at)
        self._follow(now)

    def executor_gone(self, link: int, now: float) -> None:
        """Its machine told us that the other end of this connection is closed."""
        self._heed_deadline(now)
        self._links.discard(link)

    def _renew(self, asked_at: float) -> None:
        self.lease_until = max(self.lease_until, asked_at + LEASE_S)

    @property
    def deadline(self) -> float:
        """When the ranks must be dead if nothing more is heard.

        Without a linked executor only the server's silence counts, hours of it: an executor that
        the server does not hear must not keep alive what the server gives up.
        """
        orphaned_at = self._server_asked_at + ORPHAN_TIMEOUT_S
        return min(self.lease_until, orphaned_at) if self._links else orphaned_at

    def _heed_deadline(self, now: float) -> None:
        if now > self.deadline and not self._closing:
            silence = "neither server nor executor was heard" if self._links else "no server"
            self._leave(f"its lease ran out: {silence}", now)

    def _begin(self, attempt: int, resume: CheckpointRef | None, now: float) -> None:
        if self._closing or self.state.phase not in {"idle", "quiet"}:
            return  # not before the earlier attempt is over here
        self.grant, self.resume = attempt, resume
        self._stop_asked = self._save_asked = self._sent = self._draining_since = None
        # Fresh ones for every attempt: what is left of the last one may still talk to its own.
        ports = tuple(self._reserve_port() for _ in range(self.node.ranks * self._ranks_listen))
        node = replace(self.node, ports=ports)
        leaving = self.state.leaving
        self.state = NodeState(self.index, attempt, "preparing", node=node, leaving=leaving)
        self._actions.append(Prepare(attempt, resume))
        if self.leader:
            self.leader.begin(self.job_id, attempt)
            for peer, proof in self._lost_peers.items():
                self.leader.node_lost(peer, proof, now)

    def _stop(self, now: float, *, force: bool) -> None:
        self._burn_unstarted()
        if self.leader:
            self.leader.stop(now, force=force)
        elif self._stop_asked is None:
            self._stop_asked = now
        if force and self.state.phase == "running":
            self._order_stop(Stop(self.grant, "kill"))

    def close(self, reason: str, now: float) -> None:
        """End the ranks at once and leave."""
        if not self._closing:
            self._leave(reason, now)
        self._follow(now)

    def _leave(self, reason: str, now: float) -> None:
        self._closing = reason
        self._stop_asked = now
        self._burn_unstarted()

    # --- from this node --------------------------------------------------------------------------

    def leaves(self, why: str, now: float) -> None:
        """The node is about to go, for good: `why` names it and tells the reason."""
        if not self.state.leaving:
            self.state = replace(self.state, leaving=why)
        self._follow(now)

    def environment_ready(self, attempt: int, now: float) -> None:
        """What runs the ranks is in place; it stays so as long as this agent lives."""
        if attempt == self.grant and self.state.phase == "preparing":
            self.set_up = attempt
        self._follow(now)

    def prepared(self, attempt: int, now: float) -> None:
        if attempt == self.grant and self.state.phase == "preparing":
            self.state = replace(self.state, phase="ready")
        self._follow(now)

    def failed(self, attempt: int, error: str, now: float) -> None:
        """The node could not be prepared."""
        if attempt == self.grant and self.state.phase == "preparing":
            self.state = replace(self.state, error=error)
            self._burn_unstarted()
        self._follow(now)

    def not_started(self, attempt: int, error: str, now: float) -> None:
        """None of this node's ranks could be started."""
        if attempt == self.grant and self.state.phase == "running":
            self.state = replace(self.state, error=error, phase="exited")
            self.burnt = max(self.burnt, attempt)
        self._follow(now)

    def exited(self, attempt: int, exits: Sequence[RankExit], now: float) -> None:
        """All exits of this attempt's ranks so far; complete when there is one for each rank."""
        if attempt == self.grant:
            done = len(exits) >= self.node.ranks
            phase = "exited" if done and self.state.phase == "running" else self.state.phase
            self.state = replace(self.state, exits=tuple(exits), phase=phase)
            if phase == "exited":
                self.burnt = max(self.burnt, attempt)
        self._follow(now)

    def flag_answer(self, calls: int, armed: int, rejected: int, now: float) -> None:
        """How far the ranks' should_stop() calls are, and what became of the proposed one."""
        self.state = replace(self.state, calls=calls, armed=armed, rejected=rejected)
        self._follow(now)

    def committed(self, attempt: int, taken_at: float, now: float) -> None:
        """Watched files of this node were committed, as they were at `taken_at`."""
        if attempt == self.grant:
            is_late = self._save_asked is not None and taken_at >= self._save_asked
            commits, late = self.state.commits + 1, self.state.late_commits + is_late
            self.state = replace(self.state, commits=commits, late_commits=late)
        self._follow(now)

    def handed_over(self, attempt: int, now: float) -> None:
        if (
            attempt == self.grant
            and self.state.phase == "exited"
            and self._draining_since is not None
        ):
            self.state = replace(self.state, phase="quiet")
            self.quiet = max(self.quiet, attempt)
        self._follow(now)

    # --- from the gang ---------------------------------------------------------------------------

    def peer_says(self, state: NodeState, now: float) -> None:
        if self.leader:
            self.leader.node_says(state, now)
        self._follow(now)

    def peer_lost(self, index: int, proof: str, now: float) -> None:
        """The machine of a peer closed or refused the gang's connection."""
        if index not in self._lost_peers:
            self._lost_peers[index] = proof
            if self.leader:
                self.leader.node_lost(index, proof, now)
        self._follow(now)

    def leader_orders(self, order: Order, now: float) -> None:
        self._leader_heard_at = now
        if order.attempt >= self.order.attempt:
            self.order = order
        self._follow(now)

    # --- time ------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        self._follow(now)

    # --- what follows ----------------------------------------------------------------------------

    def _follow(self, now: float) -> None:
        self._heed_deadline(now)
        if self.leader:
            self.leader.node_says(self.state, now)
            self.leader.tick(now)
            self.order = self.leader.order
        self._obey_order(now)
        self._heed_silence(now)
        self._act_alone(now)
        self._maybe_drain(now)
        self._maybe_close(now)

    def _obey_order(self, now: float) -> None:
        order = self.order
        if order.attempt != self.grant or self._closing:
            return
        if order.do == "run" and self.state.phase == "ready" and order.gang is not None:
            if order.attempt > self.burnt:
                self.state = replace(self.state, phase="running")
                self._actions.append(Launch(order.attempt, order.gang))
        elif order.do in {"stop", "over"}:
            self._burn_unstarted()
            if self.state.phase == "running" and order.do == "stop":
                if order.stage == "save" and self._save_asked is None:
                    self._save_asked = now
                self._order_stop(Stop(self.grant, order.stage, order.target, order.committed))

    def _heed_silence(self, now: float) -> None:
        silent = now - self._leader_heard_at > LEADER_SILENCE_S
        if self.leader or self._closing or not silent:
            return
        # Ranks that the server wants stopped have their grace: `_act_alone` ends them after it.
        runs_on = self.state.phase == "running" and self._stop_asked is None
        if runs_on or self.state.phase == "exited":
            self._leave(f"its leader was not heard for {LEADER_SILENCE_S:g} s", now)

    def _act_alone(self, now: float) -> None:
        """Without a leader a node ends its ranks itself, at once; with a deaf one, in the end."""
        if self.state.phase != "running":
            if 0 in self._lost_peers:
                self._burn_unstarted()
            return
        waited = now - self._stop_asked if self._stop_asked is not None else 0.0
        if 0 in self._lost_peers or self._closing:
            if self._stop_asked is None:
                self._stop_asked, waited = now, 0.0
            self._order_stop(Stop(self.grant, "kill" if waited >= CRASH_KILL_S else "term"))
        elif waited > self._grace_s + DEAF_LEADER_S:
            self._order_stop(Stop(self.grant, "kill"))

    def _order_stop(self, stop: Stop) -> None:
        harder = ("save", "flag", "signal", "term", "kill")
        sent = self._sent
        if sent == stop or (sent and harder.index(stop.stage) < harder.index(sent.stage)):
            return
        self._sent = stop
        self._actions.append(stop)

    def _burn_unstarted(self) -> None:
        """The granted attempt, if it has not started here, never will."""
        if self.state.phase == "preparing":
            self._actions.append(Abandon(self.grant))
        if self.state.phase in {"preparing", "ready"}:
            self.burnt = max(self.burnt, self.grant)
            self.state = replace(self.state, phase="exited")

    def _maybe_drain(self, now: float) -> None:
        over = self.order.attempt == self.grant and self.order.do == "over"
        alone = 0 in self._lost_peers or bool(self._closing)
        if self.state.phase == "exited" and self._draining_since is None and (over or alone):
            self._draining_since = now
            self._actions.append(HandOver(self.grant))

    def _maybe_close(self, now: float) -> None:
        if not self._closing or self.closed:
            return
        waited = now - self._draining_since if self._draining_since is not None else 0.0
        unshipped = self.state.phase == "exited" and waited > LEAVING_S
        if self.state.phase in {"idle", "quiet"} or unshipped:
            self.burnt = max(self.burnt, self.grant)
            self.closed = self._closing
            self._actions.append(Close(self._closing, self._job_over))
