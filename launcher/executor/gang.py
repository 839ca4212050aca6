"""What the nodes of a gang tell their leader, what it orders, and how it decides. Pure.

The leader is the agent of node 0; it treats its own node as any other. States and orders are whole
each time, so that repeating one changes nothing. Nothing here needs server or executor.

    node:    idle -> preparing -> ready -> running -> exited -> (over) -> quiet
    leader:         wait          run           stop         over
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from launcher.model.ending import WORDS, Ending
from launcher.model.gang import Gang, GangNode
from launcher.model.job import RankExit, Verdict
from launcher.model.verdict import judge, looks_like_abort_at_exit, overruled

FIRST_WORDS_S = 0.3
"""After the first failure the others may fail by themselves for so long: it tells who was first."""
ABORT_AT_EXIT_S = 0.7
"""The same after a rank aborted in its exit: its peers are leaving as well."""
CRASH_KILL_S = 0.4
"""From SIGTERM to SIGKILL when a gang is stopped because a rank died."""
SIGNAL_KILL_S = 10.0
"""From the stop signal to SIGKILL at least, when a gang is stopped on purpose; a program that
saves on the signal gets what is left of its grace."""


@dataclass(frozen=True)
class NodeState:
    """One node of the gang, as its agent tells the leader."""

    index: int
    attempt: int = 0
    phase: str = "idle"
    node: GangNode | None = None
    exits: tuple[RankExit, ...] = ()
    error: str = ""
    """Why the node could not be prepared or the ranks not be started."""
    calls: int = 0
    """Highest number of should_stop() calls of a rank here."""
    armed: int = 0
    """The proposed call number that every rank here has yet to reach."""
    rejected: int = 0
    """The proposed call number that a rank here has passed already."""
    commits: int = 0
    """How often watched files of this node were committed in the attempt."""
    late_commits: int = 0
    """Those of copies that were taken here after the leader had ordered the stage `save`. One that
    was on its way then is no answer to the order."""
    leaving: str = ""
    """Not empty: this node is about to go; the text names it and says why."""


@dataclass(frozen=True)
class Order:
    """What the leader wants of every node for one attempt.

    do: `wait`, `run`, `stop`, `over`. stage of a stop: `save` (the next commit of watched files is
    waited for), `flag` (should_stop() turns True at call `target`, once `committed`), `signal` (the
    job's stop signal), `term`, `kill`.
    """

    attempt: int = 0
    do: str = "wait"
    gang: Gang | None = None
    stage: str = ""
    target: int = 0
    committed: bool = False


class Leader:
    """Decides for the gang. Feed it states, losses and the server's stop; read `order`, `verdict`.

    Args:
        ranks: number of ranks on each node.
        grace_s: how long a program may take to save and to stop.
        reserve_port: gives a fresh port of this node for the rendezvous, once an attempt; where
            every rank has a port of its own, that of rank 0 is the rendezvous.
        watches: the program saves by itself, and its files are watched.
    """

    def __init__(
        self,
        ranks: Sequence[int],
        grace_s: float,
        reserve_port: Callable[[], int],
        *,
        watches: bool = False,
    ) -> None:
        self.ranks = tuple(ranks)
        self.size = len(ranks)
        self.grace_s = grace_s
        self.order = Order()
        self.verdict: Verdict | None = None
        self.started = 0
        self._reserve_port = reserve_port
        self._watches = watches
        self._states: dict[int, NodeState] = {i: NodeState(i) for i in range(self.size)}
        self._lost: dict[int, str] = {}
        self._first_seen: dict[int, float] = {}
        self._run_since: float | None = None
        self._stop_since: float | None = None
        self._stage_since = 0.0
        self._crashed_at: float | None = None
        self._leaves = ""
        """Why the gang was stopped, if that was for nodes that are about to go."""
        self._margin = 2
        self._job_id = ""

    def begin(self, job_id: str, attempt: int) -> None:
        """The server granted an attempt."""
        if attempt <= self.order.attempt:
            return
        self._job_id = job_id
        self.order = Order(attempt)
        self.verdict = None
        self._first_seen = {}
        self._run_since = self._stop_since = self._crashed_at = None
        self._leaves, self._margin = "", 2

    def node_says(self, state: NodeState, now: float) -> None:
        known = self._states.get(state.index)
        if known is None or state.attempt < known.attempt:
            return
        self._states[state.index] = state
        if state.attempt == self.order.attempt:
            for rank in state.exits:
                self._first_seen.setdefault(rank.rank, now)
        self.tick(now)

    def node_lost(self, index: int, proof: str, now: float) -> None:
        self._lost.setdefault(index, proof)
        self.tick(now)

    def stop(self, now: float, *, force: bool) -> None:
        """The server wants the attempt stopped, softly if the program gives a way to."""
        self._stop_softly(now)
        if force and self.order.do == "stop" and self.order.stage != "kill":
            self._to_stage("kill", now)
        self.tick(now)

    def tick(self, now: float) -> None:
        if self.order.attempt == 0 or self.order.do == "over":
            return
        self._heed_leaving(now)
        if self.order.do == "wait":
            self._maybe_run(now)
        elif self.order.do == "run":
            self._watch_running(now)
        if self.order.do == "stop":
            self._advance_stop(now)
        if self.order.do in {"run", "stop"}:
            self._maybe_over(now)

    # --- running ---------------------------------------------------------------------------------

    def _present(self) -> list[NodeState]:
        return [
            state
            for index, state in self._states.items()
            if index not in self._lost and state.attempt == self.order.attempt
        ]

    def _maybe_run(self, now: float) -> None:
        states = self._present()
        if self._lost or any(state.phase == "exited" for state in states):
            self._begin_stop("kill", now)
        elif len(states) == self.size and all(state.phase == "ready" for state in states):
            nodes = tuple(state.node for state in states if state.node is not None)
            port = nodes[0].ports[0] if nodes[0].ports else self._reserve_port()
            gang = Gang(self._job_id, self.order.attempt, nodes, port)
            self.order = replace(self.order, do="run", gang=gang)
            self._run_since = now

    def _watch_running(self, now: float) -> None:
        states = self._present()
        partial = [s for s in states if s.phase == "exited" and len(s.exits) < self.ranks[s.index]]
        if all(s.phase in {"running", "exited"} for s in states) and not partial:
            self.started = self.order.attempt if len(states) == self.size else self.started
        failed = [rank for s in states for rank in s.exits if rank.code != 0]
        if self._lost or partial:
            self._begin_stop("term", now)
        elif failed:
            if self._crashed_at is None:
                self._crashed_at = now
            gentle = all(looks_like_abort_at_exit(rank) for rank in failed)
            wait_s = ABORT_AT_EXIT_S if gentle else FIRST_WORDS_S
            if now - self._crashed_at >= wait_s:
                self._begin_stop("kill" if gentle else "term", now)

    # --- stopping --------------------------------------------------------------------------------

    def _heed_leaving(self, now: float) -> None:
        """Nodes that are about to go stop the gang, also one that no server is there to tell."""
        leaving = [state.leaving for state in self._present() if state.leaving]
        if leaving and self.order.do in {"wait", "run"}:
            self._leaves = "; ".join(leaving)
            self._stop_softly(now)

    def _stop_softly(self, now: float) -> None:
        """A program that asks should_stop() is told; one that saves by itself may do so once more.

        Others hear the stop signal.
        """
        if self.order.do in {"wait", "run"}:
            saves = self._watches and self.order.do == "run"
            unasked = "save" if saves else "signal"
            self._begin_stop("flag" if self._asks_should_stop() else unasked, now)

    def _asks_should_stop(self) -> bool:
        return any(state.calls for state in self._present())

    def _begin_stop(self, stage: str, now: float) -> None:
        self._stop_since = now
        target = self._next_target() if stage == "flag" else 0
        self.order = replace(self.order, do="stop", stage=stage, target=target, committed=False)
        self._stage_since = now

    def _to_stage(self, stage: str, now: float) -> None:
        self.order = replace(self.order, stage=stage)
        self._stage_since = now

    def _next_target(self) -> int:
        """A call number ahead of every rank, further ahead each time one was passed already."""
        self._margin *= 2
        return max((state.calls for state in self._present()), default=0) + self._margin

    def _advance_stop(self, now: float) -> None:
        waited = now - self._stage_since
        stage = self.order.stage
        if stage == "save":
            saved = any(state.late_commits for state in self._present())
            if saved or waited >= self.grace_s or self._lost or self._some_failed():
                self._to_stage("signal", now)
        elif stage == "flag":
            self._agree_on_call()
            if waited >= self.grace_s or self._lost:
                self._to_stage("signal", now)
        elif stage == "signal":
            begun = self._stage_since if self._stop_since is None else self._stop_since
            left_s = self.grace_s - (self._stage_since - begun)
            if waited >= max(SIGNAL_KILL_S, left_s):
                self._to_stage("kill", now)
        elif stage == "term" and waited >= CRASH_KILL_S:
            self._to_stage("kill", now)

    def _some_failed(self) -> bool:
        """The others may wait for it, and save no more."""
        return any(rank.code != 0 for state in self._present() for rank in state.exits)

    def _agree_on_call(self) -> None:
        states = [state for state in self._present() if state.phase == "running"]
        target = self.order.target
        if self.order.committed:
            return
        if any(state.rejected >= target for state in states):
            self.order = replace(self.order, target=self._next_target())
        elif states and all(state.armed == target for state in states):
            self.order = replace(self.order, committed=True)

    def _maybe_over(self, now: float) -> None:
        states = self._present()
        expected = self.size - len(self._lost)
        if len(states) < expected or any(s.phase not in {"exited", "quiet"} for s in states):
            return
        began = self._run_since if self._run_since is not None else now
        exits = [
            replace(rank, after_s=round(self._first_seen.get(rank.rank, now) - began, 3))
            for state in states
            for rank in state.exits
        ]
        self.verdict = self._judge(states, exits, now - began)
        self.order = replace(self.order, do="over")

    def _judge(
        self, states: Sequence[NodeState], exits: Sequence[RankExit], ran_s: float
    ) -> Verdict:
        lost = [f"node {index}: {proof}" for index, proof in sorted(self._lost.items())]
        errors = [_placed(state) for state in states if state.error]
        verdict = judge(
            exits,
            expected=sum(self.ranks),
            ran_s=ran_s,
            saved=any(state.commits for state in states),
            lost=lost,
            setup_errors=errors,
        )
        if not self._leaves or lost:
            return verdict
        words = f"{WORDS[Ending.NODE_DRAINED]}: {self._leaves}"
        return overruled(verdict, Ending.NODE_DRAINED, words)


def _placed(state: NodeState) -> str:
    """An error with its place; who names a rank has said where it is."""
    return state.error if state.error.startswith("rank ") else f"node {state.index}: {state.error}"
