"""One allocation in the executor's hands: made, watched, given back.

making -> up -> stopping -> gone
   └----> failed
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

from launcher.errors import LauncherError
from launcher.executor.channel import Lifeline, key_of
from launcher.executor.plan import unproven
from launcher.executor.rayside import RaySide
from launcher.logbook import about
from launcher.model.wire import AgentReport, AllocationReport, WantedAllocation

log = logging.getLogger(__name__)

PLACE_TIMEOUT_S = 20.0
"""After so long somebody else has the resources that Ray called free."""
CLOSE_PATIENCE_S = 15.0
"""How long agents may take to leave before Ray is asked to kill them."""
SILENT_AFTER_S = 10.0
_CLOSE_POLL_S = 0.1


class Holding:
    """Works in a thread of its own, since Ray's calls may hang with a node that stands still."""

    def __init__(
        self,
        wanted: WantedAllocation,
        ray_side: RaySide,
        config: dict[str, str],
        changed: Callable[[str], None],
        *,
        session: Callable[[], int],
        stopping: bool = False,
    ) -> None:
        self.wanted = wanted
        self._session = session
        self.state = "making"
        self.reason = ""
        self._ray, self._config, self._changed = ray_side, config, changed
        self._lines: dict[int, Lifeline] = {}
        self._asked_at: dict[int, float] = {}
        self._obeyed: dict[int, int] = {}
        """The session that each agent obeys, as it said on its present connection."""
        self._stop = threading.Event()
        self._parted = threading.Event()
        """An agent was proven dead since this was cleared."""
        if stopping:
            self._stop.set()
        self._thread = threading.Thread(target=self._work, name=wanted.id, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def update(self, wanted: WantedAllocation) -> None:
        """What the server knows now: addresses that registered meanwhile, nodes that are over."""
        self.wanted = wanted
        for node in wanted.nodes:
            line = self._lines.get(node.index)
            if node.address and (line is None or line.address != node.address):
                self._link(node.index, node.address)

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    def renew(self) -> None:
        """Renew the lease of every agent that answers, from when it asked for it."""
        session = self._session()
        for index, line in list(self._lines.items()):
            asked_at = self._asked_at.get(index)
            if asked_at is not None:
                line.send({"renew": asked_at, "session": session})

    def report(self, living_nodes: Collection[str]) -> AllocationReport:
        agents = tuple(
            self._agent_report(index, line, living_nodes)
            for index, line in list(self._lines.items())
        )
        return AllocationReport(self.wanted.id, self.state, agents, self.reason)

    def _agent_report(
        self, index: int, line: Lifeline, living_nodes: Collection[str]
    ) -> AgentReport:
        silent_s = time.monotonic() - line.heard_at
        state = "dead" if line.dead else "silent" if silent_s > SILENT_AFTER_S else "alive"
        return AgentReport(
            index=index,
            state=state,
            address=line.address,
            silent_s=silent_s,
            linked=line.channel is not None and self._obeyed.get(index) == self._session(),
            node_alive=self.wanted.nodes[index].node_id in living_nodes,
        )

    # --- its thread ------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            self._make()
        except LauncherError as error:
            log.warning("%s: %s", self.wanted.id, error, extra=self._about)
            self._set("failed", str(error))
        except Exception as error:  # Ray raises what it likes; the allocation must not hang
            log.exception("%s could not be made", self.wanted.id, extra=self._about)
            self._set("failed", f"Ray: {type(error).__name__}: {error}")
        self._stop.wait()
        self._set("stopping", self.reason)
        self._give_back()
        self._set("gone", self.reason)

    def _make(self) -> None:
        self.update(self.wanted)
        known = set(self._lines)
        if self._stop.is_set():
            return
        if not known:
            self._ray.hold(self.wanted, PLACE_TIMEOUT_S)
        log.info("%s: resources held", self.wanted.id, extra=self._about)
        missing = {
            node.index: self._agent_config(node.index)
            for node in self.wanted.nodes
            if node.index not in known
        }
        self._ray.start_agents(self.wanted, missing, self._link)
        self._set("up", "")

    def _agent_config(self, index: int) -> dict[str, object]:
        own = {"token": self.wanted.token, "allocation": self.wanted.id, "index": index}
        return {**self._config, **own}

    def _link(self, index: int, address: str) -> None:
        if index in self._lines:  # its registration came by the server first
            return
        self._lines[index] = Lifeline(
            address,
            key_of(self.wanted.token, self.wanted.id, index),
            {"role": "executor", "session": self._session()},
            on_up=lambda _: self._linked_anew(index),
            on_message=lambda message: self._hear(index, message),
            on_dead=lambda _: self._died(),
        )

    def _linked_anew(self, index: int) -> None:
        if self._obeyed.pop(index, None) is not None:  # the first link needs no word of its own
            self._changed(self.state)

    def _died(self) -> None:
        self._parted.set()
        if not self._stop.is_set():  # else "gone" tells it, in a moment
            self._changed(self.state)

    def _hear(self, index: int, message: dict[str, Any]) -> None:
        if "asked_at" in message:
            self._asked_at[index] = float(message["asked_at"])
            self._obeyed[index] = int(message["session"])

    def _give_back(self) -> None:
        deadline = time.monotonic() + CLOSE_PATIENCE_S
        # Also those that the server knows to be over: they have yet to ship the last and tidy up.
        while (self._unproven() or self._answering()) and time.monotonic() < deadline:
            for line in list(self._lines.values()):
                line.send({"close": "its executor was told to give the allocation back"})
            self._parted.wait(_CLOSE_POLL_S)
            self._parted.clear()
        for node in self.wanted.nodes:
            self._ray.kill_agent(self.wanted.id, node.index)
        self._ray.release(self.wanted.id)
        while self._unproven():  # one that is silent may still run: only a proof ends this
            time.sleep(1.0)

    def _answering(self) -> bool:
        return any(
            line.channel is not None and time.monotonic() - line.heard_at < SILENT_AFTER_S
            for line in list(self._lines.values())
        )

    def _unproven(self) -> set[int]:
        dead = {index for index, line in list(self._lines.items()) if line.dead}
        return unproven(self.wanted, dead)

    def _set(self, state: str, reason: str) -> None:
        self.state, self.reason = state, reason
        log.info("%s: %s %s", self.wanted.id, state, reason, extra=self._about)
        if state != "stopping":  # nothing is done about it: the next report tells it too
            self._changed(state)

    @property
    def _about(self) -> dict[str, object]:
        return about(self.wanted.id.rpartition(".")[0], allocation=self.wanted.id)
