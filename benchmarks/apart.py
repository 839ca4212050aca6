"""A server on one core, and who burdens it on another: what one takes the other does not lack."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from embedded import fresh_state
from measuring import wait_until

from launcher.model.node import NodeReport
from launcher.model.wire import AllocationReport, Hello, Report
from launcher.server.process import running_server

_CLUSTER = "bench"


@dataclass(frozen=True)
class Apart:
    """A server without a cluster, in a folder of its own."""

    pid: int
    address: str
    """`host:port`."""
    token: str
    folder: Path

    def listens(self) -> bool:
        host, _, port = self.address.rpartition(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0

    def is_ready(self) -> bool:
        """It serves users: its database answers, and it decides."""
        connection = HTTPConnection(self.address)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        finally:
            connection.close()

    def burnt_s(self) -> float:
        """Seconds of a core that it took so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Bytes that are resident."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024

    def disk(self) -> int:
        """Bytes of its folder."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())


class Caller:
    """One connection. Not for several threads."""

    def __init__(self, server: Apart) -> None:
        self._server = server
        self._connection = HTTPConnection(server.address)

    def ask(self, method: str, path: str, data: object = None, **headers: str) -> Any:
        """The answer's JSON; a refusal ends the benchmark."""
        head = {"Authorization": f"Bearer {self._server.token}", "Content-Type": "application/json"}
        head |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = None if data is None else json.dumps(data).encode()
        self._connection.request(method, f"/api/v1{path}", body, head)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            sys.exit(f"{method} {path}: {answer.status} {content[:200]!r}")
        return json.loads(content)

    def close(self) -> None:
        self._connection.close()


class Executor:
    """Speaks for a cluster in which everything that is wanted is up at once."""

    def __init__(self, server: Apart, nodes: int) -> None:
        self._asking, self._reporting = Caller(server), Caller(server)
        hello = Hello(_CLUSTER, "local", "2.60.0", "3.11", "0.1.0", "bench")
        self._fence = self._asking.ask("POST", "/executor/session", asdict(hello))["fence"]
        self._nodes = tuple(
            NodeReport(f"{number:056x}", f"node-{number}", "10.0.0.1", {"CPU": 8.0}, {"CPU": 8.0})
            for number in range(nodes)
        )
        self._wanted: tuple[str, ...] = ()
        self._seen = ""
        self.tokens: dict[str, str] = {}
        """Job -> what its agents say who they are with."""
        self.newest = ""
        """The job that was granted last."""

    def ask(self) -> int:
        """How many allocations are wanted; waits for others than before."""
        query = {"cluster": _CLUSTER, "fence": self._fence, "seen": self._seen, "wait": 5}
        desired = self._asking.ask("GET", f"/executor/desired?{urlencode(query)}")
        self._seen = desired["version"]
        self._wanted = tuple(one["id"] for one in desired["allocations"])
        self.tokens |= {one["job_id"]: one["token"] for one in desired["allocations"]}
        if self._wanted:
            self.newest = desired["allocations"][-1]["job_id"]
        return len(self._wanted)

    def report(self) -> None:
        held = tuple(AllocationReport(name, "making") for name in self._wanted)
        report = Report(_CLUSTER, self._fence, self._nodes, held)
        self._reporting.ask("POST", "/executor/report", asdict(report))

    def report_until(self, ended: threading.Event) -> None:
        """Once a second, as an executor does while something changes."""
        while not ended.wait(1.0):
            self.report()


@contextmanager
def server_apart(fill: Callable[[Path], None] = lambda _: None, *options: str) -> Iterator[Apart]:
    """The server has one core; this process keeps another one.

    Args:
        fill: puts something into its state folder before it starts.
        options: of its command line.
    """
    with fresh_state() as state_dir:
        fill(state_dir)
        mine = os.sched_getaffinity(0)
        own, other = sorted(mine)[:2]
        os.sched_setaffinity(0, {own})  # what is started now stays there
        server = subprocess.Popen(
            [sys.executable, "-m", "launcher", "server", "--state-dir", str(state_dir), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.sched_setaffinity(0, {other})
        try:
            url = wait_until(lambda: running_server(state_dir), "the server")
            token = (state_dir / "token").read_text().strip()
            apart = Apart(server.pid, url.removeprefix("http://"), token, state_dir)
            wait_until(lambda: apart.listens() and apart.is_ready(), "an answer of the server")
            yield apart
        finally:
            os.sched_setaffinity(0, mine)
            server.terminate()
            server.wait()
