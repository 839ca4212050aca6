"""The executor: makes what the server wants on one Ray cluster, and reports what is there.

It holds no truth: killed at any moment, the next one finds the server's wishes at the server and
the agents in Ray. Two executors of one cluster exclude each other by the server's sessions.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from launcher import __version__, logbook
from launcher.clusters.base import Cluster
from launcher.errors import ConflictError, LauncherError, UnauthorizedError
from launcher.executor.folders import jobs_root
from launcher.executor.leaving import Presence
from launcher.executor.leftovers import ship_leftovers
from launcher.executor.plan import GiveBack, plan
from launcher.model.codec import decode, encode
from launcher.model.node import NodeReport
from launcher.model.pools import AskedNode, Pools
from launcher.model.wire import AllocationReport, Desired, Hello, Report, Session
from launcher.transport import Connection
from launcher.trust import own_ca

log = logging.getLogger(__name__)

BASE = "/api/v1/executor"
POLL_S = 10.0
REPORT_EVERY_S = 1.0
STEADY_AFTER_S, STEADY_EVERY_S = 5.0, 3.0
"""Reports that say the same for a while come less often: each takes CPU from a training here."""
RENEW_EVERY_S = 3.0
RETRY_S = 1.0
FREEING_S, FREEING_POLL_S = 2.0, 0.1
LEFTOVERS_EVERY_S = 30.0
STALE_S = 15.0
"""A look at Ray's nodes that is older tells nothing."""
ALONE_S = 300.0
"""After so long without a word of the server its wishes for nodes count no more."""
BLIND_S = 60.0
"""An executor that Ray does not answer for so long leaves; its supervisor starts the next."""


def run(
    *,
    server: str,
    token: str,
    cluster: str,
    source: Cluster,
    state_file: Path | None = None,
    own_cluster: bool = False,
    prepared: bool = False,
    joined: Callable[[], object] = lambda: None,
    log_format: str | None = None,
    once: bool = False,
) -> None:
    """Serve one cluster until the process ends, or the cluster is over.

    Args:
        server: URL of the server, as this process and the nodes reach it.
        token: the executor's.
        cluster: name of the cluster at the server.
        source: where Ray comes from; started first if it is its kind's to start.
        state_file: remembers this session, so that the next executor here need not wait until
            the server gives a dead one up. Only for a place where a lock keeps a second one away.
        own_cluster: we started the raylets, with what agents need.
        prepared: somebody else did so.
        joined: called once when this process is a driver of that Ray.
        log_format: of this executor and its agents. Default: LAUNCHER_LOG_FORMAT.
        once: the cluster is one job's own. Nothing but the server's word ends this executor then:
            its end would end the cluster.
    """
    log_format = logbook.chosen_format(log_format)
    logbook.keep("executor", format=log_format, threads=True, cluster=cluster)
    reached = source.ensure()
    os.environ.update(reached.environment)
    executor = Executor(
        server,
        token,
        cluster,
        reached.address,
        state_file,
        own_cluster=own_cluster,
        prepared=prepared,
        log_format=log_format,
        is_there=lambda: source.running() is not None,
        once=once,
    )
    joined()
    executor.serve()


class Executor:
    """Three threads: wishes (long-poll), reports, and the eyes on Ray; one more an allocation."""

    def __init__(
        self,
        server: str,
        token: str,
        cluster: str,
        ray_address: str,
        state_file: Path | None,
        *,
        own_cluster: bool,
        prepared: bool = False,
        log_format: str = "text",
        is_there: Callable[[], bool] = lambda: True,
        once: bool = False,
    ) -> None:
        import ray  # after the environment that it reads at import is set

        from launcher.executor import autoscaler, holding, rayside

        self._holding = holding
        self._server, self._token, self._cluster = server, token, cluster
        self._state_file, self._own_cluster = state_file, own_cluster
        self._log_format = log_format
        self._is_there, self._once = is_there, once
        self._ray_version = ray.__version__
        self._fence = 0
        self._server_id = ""
        self._open_session()
        self._ray = rayside.RaySide(
            ray_address, f"launcher-{self._server_id}", prepared=own_cluster or prepared
        )
        self._holdings: dict[str, holding.Holding] = {}
        self._named: set[str] = set()
        self._nodes: tuple[NodeReport, ...] = ()
        self._autoscaler = autoscaler.Autoscaler()
        self._pools: Pools | None = None
        self._asked: tuple[AskedNode, ...] | None = None
        """What the autoscaler shall see to; None: the server has not said."""
        self._told_at = time.monotonic()
        """When the server said something last."""
        self._orphans: set[str] = set()
        self._seen_at = time.monotonic()
        self._receipt = ""
        self._news = threading.Event()
        self._freed_at = -FREEING_S
        self._presence = Presence()
        self._look_soon = threading.Event()

    def serve(self) -> None:
        for target in (self._report_all, self._look, self._renew_all, self._clear_leftovers):
            threading.Thread(target=target, name=target.__name__.strip("_"), daemon=True).start()
        self._follow_wishes()
        self._ship_the_rest()

    def _ship_the_rest(self) -> None:
        """What ranks wrote lies on nodes that are about to go: all of it is the server's first."""
        while left := self._ray.ship_rest(self._server_id):
            log.info("not shipped yet: %s", ", ".join(left))
            time.sleep(RETRY_S)
        log.info("the job is over and all of it is shipped: this cluster may go")

    def _connect(self) -> Connection:
        return Connection(self._server, self._token, timeout_s=15.0)

    # --- session ---------------------------------------------------------------------------------

    def _open_session(self) -> None:
        """Become the one executor of the cluster; waits while another one lives."""
        told = ""
        while True:
            try:
                answer = self._connect().request(
                    "POST", f"{BASE}/session", json=encode(self._hello()), repeatable=True
                )
                break
            except ConflictError as error:
                if told != (told := f"{error}; {error.hint}"):
                    log.warning("waiting: %s", told)
            except UnauthorizedError as error:
                if not self._once:
                    raise  # a token that was taken back: nobody wants this executor any more
                log.warning("no session yet: %s", error)
            except LauncherError as error:
                log.warning("no session yet: %s", error)
            time.sleep(RETRY_S)
        session = decode(Session, answer.json())
        if self._server_id and session.server_id != self._server_id:
            raise ConflictError(
                f"the server at {self._server} is another one now ({session.server_id})",
                hint="start the executor anew if that is meant",
            )
        self._fence, self._server_id = session.fence, session.server_id
        if self._state_file is not None:
            self._state_file.write_text(json.dumps({"fence": self._fence}))
        log.info("session %d of cluster %s", self._fence, self._cluster)

    def _hello(self) -> Hello:
        before = self._fence or None
        if before is None and self._state_file is not None and self._state_file.exists():
            before = int(json.loads(self._state_file.read_text())["fence"])
        return Hello(
            cluster=self._cluster,
            kind="kuberay" if self._once else "local" if self._own_cluster else "ray",
            ray_version=self._ray_version,
            python_version=platform.python_version(),
            launcher_version=__version__,
            host=socket.gethostname(),
            replaces=before,
        )

    # --- threads ---------------------------------------------------------------------------------

    def _follow_wishes(self) -> None:
        connection = self._connect()
        seen = ""
        while True:
            path = f"{BASE}/desired?cluster={self._cluster}&fence={self._fence}"
            try:
                answer = connection.request(
                    "GET", f"{path}&seen={seen}&wait={POLL_S:g}", timeout_s=POLL_S + 10.0
                )
            except ConflictError as error:  # the session is not the cluster's any more
                log.warning("%s", error)
                self._asked = None  # another one may have asked meanwhile
                self._open_session()
                continue
            except LauncherError as error:
                if isinstance(error, UnauthorizedError) and not self._once:
                    raise
                log.info("no wishes: %s", error)
                time.sleep(RETRY_S)
                self._news.set()  # a server that was away knows no report of ours
                continue
            desired = decode(Desired, answer.json())
            seen = desired.version
            self._carry_out(desired)
            if desired.over and self._once and not self._holdings:
                return

    def _carry_out(self, desired: Desired) -> None:
        self._told_at = time.monotonic()
        if desired.asked is not None and self._asked != desired.asked:
            self._asked = desired.asked
            self._look_soon.set()
        self._named |= {wanted.id for wanted in (*desired.allocations, *desired.stop)}
        stopping = {name for name, held in self._holdings.items() if held.is_stopping}
        for step in plan(desired, self._holdings, stopping):
            held = self._holdings.get(step.wanted.id)
            if held is None:
                config = {
                    "server": self._server,
                    "server_id": self._server_id,
                    "log_format": self._log_format,
                    "ca": own_ca(),
                }
                held = self._holding.Holding(
                    step.wanted,
                    self._ray,
                    config,
                    self._changed,
                    session=lambda: self._fence,
                    stopping=isinstance(step, GiveBack),
                )
                self._holdings[step.wanted.id] = held
            if isinstance(step, GiveBack):
                held.stop()
        for wanted in (*desired.allocations, *desired.stop):
            self._holdings[wanted.id].update(wanted)
        # What the server does not name any more after it was gone is forgotten.
        for name in [n for n, held in self._holdings.items() if held.state == "gone"]:
            if name not in {wanted.id for wanted in desired.stop}:
                del self._holdings[name]

    def _changed(self, state: str) -> None:
        self._news.set()
        if state == "gone":
            self._freed_at = time.monotonic()
            self._look_soon.set()

    def _renew_all(self) -> None:
        while True:
            time.sleep(RENEW_EVERY_S)
            for held in list(self._holdings.values()):
                held.renew()

    def _clear_leftovers(self) -> None:
        """Of this node; on the others the next agent does it."""
        while True:
            ship_leftovers(jobs_root(self._server_id))
            time.sleep(LEFTOVERS_EVERY_S)

    def _look(self) -> None:
        """Ray's calls may hang, so that they have a thread of their own."""
        found_here: set[str] | None = None  # by an executor that died before it made agents there
        while True:
            try:
                nodes = self._ray.nodes()
                if not nodes and self._own_cluster and not self._is_there():
                    log.error("the raylet has ended: leaving, so that the cluster is started anew")
                    os._exit(1)
                nodes, pools = self._autoscaler.look(nodes)
                if (nodes, pools) != (self._nodes, self._pools):
                    self._nodes, self._pools = nodes, pools
                    self._news.set()
                self._ask()
                if found_here is None:
                    found_here = self._ray.groups()
                self._orphans = (self._ray.allocations() | found_here) - self._named
                # Where this is the head's machine, its end would be that of all that is held.
                held = list(self._holdings.values())
                self._presence.set(here=any(one.state != "gone" for one in held))
                self._seen_at = time.monotonic()
            except Exception:
                log.exception("Ray does not answer")
            # Ray shows resources as free some tenths of a second after they were given back.
            soon = time.monotonic() - self._freed_at < FREEING_S
            self._look_soon.wait(FREEING_POLL_S if soon else REPORT_EVERY_S)
            self._look_soon.clear()

    def _ask(self) -> None:
        """Without a server nobody starts on the nodes that it wanted, and they cost money."""
        is_alone = time.monotonic() - self._told_at > ALONE_S
        if self._asked is not None:
            self._autoscaler.ask(() if is_alone else self._asked)

    def _report_all(self) -> None:
        connection = self._connect()
        said, changed_at = None, time.monotonic()
        while True:
            is_steady = time.monotonic() - changed_at > STEADY_AFTER_S
            self._news.wait(STEADY_EVERY_S if is_steady else REPORT_EVERY_S)
            self._news.clear()
            blind_s = time.monotonic() - self._seen_at
            if blind_s > BLIND_S:
                log.error("Ray did not answer for %.0f s: leaving", blind_s)
                os._exit(1)
            report = self._report(blind_s)
            if said != (said := _lasting(report)):
                changed_at = time.monotonic()
            try:
                answer = connection.request(
                    "POST", f"{BASE}/report", json=encode(report), repeatable=True
                )
                self._receipt = str(answer.json()["receipt"])
            except LauncherError as error:
                log.info("report not taken: %s", error)
                changed_at = time.monotonic()
                time.sleep(RETRY_S)

    def _report(self, blind_s: float) -> Report:
        nodes = self._nodes if blind_s < STALE_S else ()
        living = {node.node_id for node in nodes}
        held = [held.report(living) for held in list(self._holdings.values())]
        orphans = [AllocationReport(name, "orphan") for name in sorted(self._orphans)]
        said = self._receipt, self._pools
        return Report(self._cluster, self._fence, nodes, (*held, *orphans), *said)


def _lasting(report: Report) -> Report:
    """What a report says, without what each one says anew."""

    def still(held: AllocationReport) -> AllocationReport:
        return replace(held, agents=tuple(replace(one, silent_s=0.0) for one in held.agents))

    return replace(report, allocations=tuple(map(still, report.allocations)), receipt="")
