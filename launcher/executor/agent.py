"""The agent: one process a node of an allocation. Does what `AgentCore` decides.

Its threads talk to the core only through the mailbox, so the core needs no lock and acts on one
thing at a time: `loop` (the core and its actions), the line to the server (`server_line`),
`shipping` and `saving` (logs, points, checkpoints), `preparing` (code and checkpoint), the gang's
channel and the keeper's answers. Visits (`launcher exec`) have threads of their own.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from launcher import logbook, trust
from launcher.errors import LauncherError
from launcher.executor import core as core_
from launcher.executor import surroundings
from launcher.executor.collecting import Collector
from launcher.executor.core import AgentCore
from launcher.executor.folders import JobFolder, jobs_root
from launcher.executor.launching import rank_starts
from launcher.executor.leaving import Presence, Watch, started_at
from launcher.executor.leftovers import ship_leftovers
from launcher.executor.lines import GangLines
from launcher.executor.meeting import Meeting
from launcher.executor.outputs import OutputCollector
from launcher.executor.ports import Ports
from launcher.executor.preparer import Preparer
from launcher.executor.pythons import Place, RanksPython
from launcher.executor.ranks import Ranks
from launcher.executor.rendezvous import Rendezvous
from launcher.executor.sampling import NodePlace, Sampler
from launcher.executor.secrecy import keep as keep_secrets
from launcher.executor.secrecy import redacted, redaction
from launcher.executor.server_line import ServerLine
from launcher.executor.uplink import Uplink, until_answered
from launcher.executor.visiting import Visiting
from launcher.executor.warmth import Warmth
from launcher.executor.watcher import Watching
from launcher.executor.watching import End
from launcher.frameworks import load as load_framework
from launcher.logbook import about
from launcher.model.ending import Ending
from launcher.model.gang import Gang, GangNode
from launcher.model.wire import AgentStatus, Orders

log = logging.getLogger(__name__)

KEEPER_PATIENCE_S = 2.0
"""How long after the deadline the keeper leaves it to this process to end the ranks."""


@dataclass(frozen=True)
class AgentConfig:
    """What the executor gives an agent. `key` authenticates the gang's channel."""

    server: str
    server_id: str
    token: str
    allocation: str
    index: int
    node_id: str
    address: str
    gpus: tuple[str, ...] = ()
    log_format: str = "text"
    raylet: int = 0
    """Process that the node's preloaded interpreters live with; 0: ranks start cold."""
    ca: str = ""
    """PEM of the authority that signed the server's certificate; empty: one the system knows."""


class Agent:
    """Lives from construction until its core closes; `finished` is set then."""

    def __init__(self, config: AgentConfig) -> None:
        self.config = config
        self.finished = threading.Event()
        self._mail: queue.SimpleQueue[Callable[[float], None]] = queue.SimpleQueue()

        if config.ca:  # of all that this process and its own begin, also of who ships its rest
            os.environ[trust.VARIABLE] = config.ca
        uplink = self._connect()
        self._setup = until_answered(lambda: uplink.setup(config.allocation))
        self.job_id = self._setup.launch.job_id
        self._folder = JobFolder.of(jobs_root(config.server_id), self.job_id, config.node_id)
        if self._setup.launch.in_place:
            self._folder = replace(self._folder, in_place=Path(self._setup.launch.in_place))
        logbook.keep(
            "agent",
            format=config.log_format,
            file=self._folder.agent_log,
            threads=True,
            job=self.job_id,
            allocation=config.allocation,
            node=config.index,
        )
        values = self._setup.secrets.values()
        self._redaction = until_answered(lambda: redaction(self._folder, uplink, values))
        keep_secrets(self._folder, config.allocation, self._setup)
        self._ports = Ports(config.address)
        self._core = self._make_core()
        self._lines = GangLines(
            self._core,
            self._post,
            host=config.address,
            token=config.token,
            heed_deadline=self._hold_to_deadline,
        )
        self._server = ServerLine(
            self._connect,
            self._told_status(),
            lambda orders, asked_at: self._post(partial(self._obey, orders, asked_at)),
            self.finished,
        )
        mark = f"LAUNCHER_ALLOCATION={config.allocation}"
        self._ranks = Ranks(
            self._folder,
            mark,
            self._rank_ended,
            held=[self._lines.fileno()],
            redactor=self._redaction.redactor,
        )
        self._warmth = Warmth(
            self._setup.launch,
            self._folder,
            node=config.index,
            raylet=config.raylet,
            mark=mark,
            held=[self._lines.fileno()],
            secrets=self._setup.secrets,
        )
        self._python = self._make_python()
        self._collector = Collector(
            self._folder,
            self._connect,
            note=lambda text: self._post(lambda _: self._core.note(text)),
            watching=self._make_watching(),
            redaction=self._redaction,
            observing=self._setup.launch.observing if self.config.index == 0 else None,
        )
        self._sampler = self._make_sampler()
        self._outputs = self._make_outputs()
        self._preparer = self._make_preparer()
        self._visiting = Visiting(self._connect, self._redaction.redactor)
        self._machine = Watch(started_at(os.getppid()))  # since its raylet was started
        self._presence = Presence()
        self._presence.set(here=True)
        self._launched = 0
        self._meeting: Meeting | None = None
        self._rendezvous: Rendezvous | None = None
        shipping = {"server": config.server, "token": config.token}
        self._folder.shipping.touch(mode=0o600)
        self._folder.shipping.write_text(json.dumps(shipping))
        self._server.start()
        for target in (self._loop, self._clear_leftovers):
            threading.Thread(target=target, name=target.__name__.strip("_"), daemon=True).start()

    @property
    def address(self) -> str:
        """host:port of its gang channel."""
        return self._lines.address

    @property
    def is_leader(self) -> bool:
        return self._core.leader is not None

    def _make_core(self) -> AgentCore:
        setup, config = self._setup, self.config
        node = GangNode(
            config.index,
            config.address,
            setup.ranks[config.index],
            config.gpus,
            surroundings.interface_of(config.address),
        )
        return AgentCore(
            config.allocation,
            config.index,
            setup.ranks,
            node,
            time.monotonic(),
            grace_s=setup.launch.grace_s,
            reserve_port=self._ports.reserve,
            watches=bool(setup.launch.watch),
            ranks_listen=load_framework(setup.launch.framework).ranks_listen(setup.launch),
        )

    def _make_python(self) -> RanksPython:
        setup, config = self._setup, self.config
        place = Place(config.allocation, config.index, rank=sum(setup.ranks[: config.index]))
        return RanksPython(
            setup.launch,
            self._folder,
            self._ranks,
            place=place,
            secrets=setup.secrets,
            redact=self._redaction.redactor.text,
            note=lambda text: self._post(lambda _: self._core.note(text)),
        )

    def _make_watching(self) -> Watching | None:
        launch = self._setup.launch
        if not launch.watch:
            return None
        return Watching(
            launch.watch,
            launch.watch_per_node,
            self.config.index,
            len(self._setup.ranks),
            is_sound=self._ranks.are_sound,
            on_commit=lambda *what: self._post(partial(self._core.committed, *what)),
        )

    def _make_sampler(self) -> Sampler:
        index = self.config.index
        first_rank = sum(self._setup.ranks[:index])
        return Sampler(
            self._folder,
            NodePlace(index, first_rank, self.config.gpus),
            self._ranks.pids,
            warn=lambda text: self._post(lambda _: self._core.note(text, warning=True)),
        )

    def _make_outputs(self) -> OutputCollector:
        setup, index = self._setup, self.config.index
        rule = setup.launch.outputs
        return OutputCollector(
            self._folder,
            rule if rule and (rule.every_node or index == 0) else None,
            rank=sum(setup.ranks[:index]),
            limits=setup.output_limits,
            connect=self._connect,
            note=lambda text: self._post(lambda _: self._core.note(text)),
        )

    def _make_preparer(self) -> Preparer:
        return Preparer(
            self.config.allocation,
            self.config.index,
            self._setup.launch,
            self._folder,
            self._core,
            self._python,
            self._collector,
            connect=self._connect,
            post=self._post,
            finished=self.finished,
            fault=self._setup.fault,
        )

    def _connect(self) -> Uplink:
        return Uplink(self.config.server, self.config.token)

    # --- the loop --------------------------------------------------------------------------------

    def _post(self, deed: Callable[[float], None]) -> None:
        self._mail.put(deed)

    def _loop(self) -> None:
        while not self.finished.is_set():
            try:
                self._turn(self._patience_s())
            except Exception:  # a bug must end the gang in words, not leave it without a mind
                log.exception("the agent broke")
                self._core.close("the agent broke: its log tells more", time.monotonic())

    def _patience_s(self) -> float:
        """Until the next look at what nobody tells: of a training that goes on, rarely."""
        if self._core.order.do == "stop" or self._core.state.phase == "exited":
            return 0.1
        return 0.25 if self._core.state.phase == "running" else 0.5

    def _turn(self, patience_s: float) -> None:
        try:
            deed = self._mail.get(timeout=patience_s)
        except queue.Empty:
            deed = None
        self._watch_calls()  # before the deed: it may be a stop
        self._watch_machine()
        if deed is not None:
            deed(time.monotonic())
        self._core.tick(time.monotonic())
        self._hold_to_deadline()
        for action in self._core.actions():
            self._act(action)
        self._lines.tell()
        self._server.tell(self._told_status())

    def _told_status(self, seen: str = "") -> AgentStatus:
        """What the server is told: no word of it holds a secret."""
        return redacted(self._core.status(self.address, seen), self._redaction.redactor)

    def _act(self, action: core_.Action) -> None:
        attempt = getattr(action, "attempt", None)
        log.info(
            "%s: %s", self.config.allocation, action, extra=about(self.job_id, attempt=attempt)
        )
        match action:
            case core_.Prepare():
                self._preparer.begin(action)
            case core_.Abandon():
                self._ranks.abandon(action.attempt)
            case core_.Launch():
                self._launch(action.attempt, action.gang)
            case core_.Stop():
                self._stop(action)
            case core_.HandOver():
                self._hand_over(action.attempt)
            case core_.Close():
                threading.Thread(target=self._leave, args=(action,), name="leaving").start()

    # --- ranks -----------------------------------------------------------------------------------

    def _hold_to_deadline(self) -> None:
        """The keeper ends the ranks if this process stands still past its core's deadline."""
        self._ranks.run_until(self._core.deadline + KEEPER_PATIENCE_S)

    def _launch(self, attempt: int, gang: Gang) -> None:
        self._launched = attempt
        starts = rank_starts(
            self._setup.launch,
            gang,
            self._folder,
            node=self.config.index,
            attempt=attempt,
            allocation=self.config.allocation,
            python=self._python.path,
            resume=self._core.resume,
            secrets=self._setup.secrets,
        )
        try:
            self._rendezvous = self._open_rendezvous(gang)
            launch, framework = self._setup.launch, load_framework(self._setup.launch.framework)
            self._ranks.start(
                attempt,
                starts,
                head_start_s=lambda warm: framework.head_start_s(launch, warm=warm),
                preloaded=lambda: self._warmth.keeper(starts),
            )
        except OSError as error:
            text = f"the ranks cannot be started: {error}"
            self._post(lambda now: self._core.not_started(attempt, text, now))
            return
        self._visiting.open(attempt, starts)
        self._warmth.started(self._ranks, note=self._core.note)
        self._sampler.begin(attempt)
        if self.is_leader and gang.world_size > 1:
            self._meeting = Meeting(
                gang,
                load_framework(self._setup.launch.framework),
                self._folder.spool(attempt, 0),
                pids=self._ranks.pids,
                warn=lambda text: self._post(lambda _: self._core.note(text, warning=True)),
                came=self._rendezvous.has_come if self._rendezvous else None,
            )
            self._meeting.start()

    def _open_rendezvous(self, gang: Gang) -> Rendezvous | None:
        keeps = load_framework(self._setup.launch.framework).keeps_rendezvous
        if not (keeps and self.is_leader):
            return None
        return Rendezvous(self.config.address, gang.master_port)

    def _close_rendezvous(self) -> None:
        kept, self._rendezvous = self._rendezvous, None
        if kept is not None:
            kept.close()

    def _rank_ended(self, attempt: int, exits: list[Any]) -> None:
        self._post(lambda now: self._core.exited(attempt, exits, now))

    def _stop(self, stop: core_.Stop) -> None:
        if stop.stage == "flag" and stop.committed:
            self._ranks.commit_stop(stop.target)
        elif stop.stage == "flag":
            calls, ahead = self._ranks.propose_stop(stop.target)
            armed, rejected = (stop.target, 0) if ahead else (0, stop.target)
            self._post(lambda now: self._core.flag_answer(calls, armed, rejected, now))
        elif stop.stage == "save":
            pass  # it goes on, until watched files of it are committed
        elif stop.stage == "kill":
            self._ranks.signal(signal.SIGKILL, whole_session=True)
        else:
            name = self._setup.launch.stop_signal if stop.stage == "signal" else "SIGTERM"
            # As a shell's Ctrl-C or `kill %1` would: the program behind `bash -c` hears it too.
            self._ranks.signal(signal.Signals[name], whole_session=True)

    def _watch_calls(self) -> None:
        """The leader must know whether the program asks should_stop() at all."""
        if self._core.state.phase == "running" and not self._core.state.calls:
            calls = self._ranks.calls()
            if calls:
                self._core.flag_answer(calls, 0, 0, time.monotonic())

    def _watch_machine(self) -> None:
        """What this one ships is the last that its machine waits for."""
        if not self._core.state.leaving and (why := self._machine.look()):
            self._core.leaves(f"{socket.gethostname()} ({why})", time.monotonic())

    def _hand_over(self, attempt: int) -> None:
        """First the outputs, if ranks of the attempt ran here; then what is left to ship."""
        self._visiting.shut(f"attempt {attempt} of {self.job_id} is over")
        self._sampler.finish(attempt)
        done = partial(self._core.handed_over, attempt)
        exits = self._core.state.exits
        ended_well = len(exits) == self._core.node.ranks and not any(one.code for one in exits)
        self._warmth.ended(well=ended_well)
        self._collector.finish(attempt, End.WELL if ended_well else End.BADLY)
        self._finish_meeting()
        self._close_rendezvous()

        def drain_rest() -> None:
            self._collector.drain(attempt, lambda: self._post(done))

        if self._launched == attempt:
            self._outputs.collect(attempt, drain_rest)
        else:
            drain_rest()

    def _finish_meeting(self) -> None:
        meeting, leader = self._meeting, self._core.leader
        if meeting is None or leader is None:
            return
        verdict = leader.verdict
        finished = verdict is not None and verdict.ending is Ending.FINISHED
        exits = verdict.exits if verdict is not None else ()
        meeting.finish(ended_well=finished and not any(one.stopped for one in exits))
        self._meeting = None

    # --- the server ------------------------------------------------------------------------------

    def _obey(self, orders: Orders, asked_at: float, now: float) -> None:
        if orders.peers:
            self._lines.follow(orders.peers[0])
        self._core.obey(orders, asked_at, now)
        self._visiting.obey(orders.visits)

    def _clear_leftovers(self) -> None:
        """Of other jobs, whose agents died on this node."""
        ship_leftovers(self._folder.path.parent)

    # --- the end ---------------------------------------------------------------------------------

    def _leave(self, action: core_.Close) -> None:
        """Bury what is left, tell the server, give everything back."""
        log.info("leaving: %s", action.reason)
        self._visiting.shut(f"its agent left: {action.reason}")
        self._ranks.close()
        self._close_rendezvous()
        self._warmth.close()
        self._python.close()
        self._outputs.close()
        self._sampler.close()
        self._collector.close()
        self._visiting.close()
        self._ports.close()
        uplink = self._connect()
        status = self._told_status(self._server.orders.version)
        job_over = action.job_over
        try:
            # The executor's word to close may have come before the server's that the job is over.
            job_over = uplink.sync(status, 0.0).job_over or job_over
        except LauncherError as error:
            log.info("the server was not told: %s", error)
        if job_over and self._collector.is_all_shipped:
            self._folder.remove()
        self._preparer.give_back()
        self._presence.set(here=False)
        self.finished.set()
        self._lines.close()
