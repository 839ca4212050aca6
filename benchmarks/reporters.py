"""Agents that send what ranks report, over HTTP as real ones do; nothing runs beside them."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Sequence
from http.client import HTTPConnection

from apart import Apart, Caller, Executor
from measuring import wait_until

_SPEC = {
    "name": "points",
    "framework": "command",
    "entrypoint": ["true"],
    "workdir": "/tmp",
    "resources": {"workers": 1, "cpus_per_worker": 1, "gpus_per_worker": 0},
}


class Reporter:
    """The agent of a job of one rank."""

    def __init__(self, server: Apart, job: str, token: str) -> None:
        self.job, self._token = job, token
        self._connection = HTTPConnection(server.address)
        self._length = 0

    def send(self, lines: bytes, stream: str = "spool") -> None:
        """Append whole lines to what was sent before."""
        piece = {"stream": stream, "attempt": 1, "rank": 0, "offset": self._length}
        body = json.dumps([piece | {"size": len(lines)}]).encode() + b"\n" + lines
        head = {"Authorization": f"Bearer {self._token}"}
        self._connection.request("POST", "/api/v1/agent/append", body, head)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            sys.exit(f"append: {answer.status} {content[:200]!r}")
        (length,) = json.loads(content)["lengths"]
        if length != self._length + len(lines):
            sys.exit(f"append: {length} bytes are there, not {self._length + len(lines)}")
        self._length = length

    def close(self) -> None:
        self._connection.close()


def reporters(server: Apart, count: int) -> list[Reporter]:
    """So many agents, each of a job of its own that is granted."""
    caller, executor = Caller(server), Executor(server, nodes=count)
    for _ in range(count):
        caller.ask("POST", "/jobs", {"spec": _SPEC, "user": "ada", "code": ""})
    executor.report()
    wait_until(lambda: executor.ask() >= count, "the grants")
    caller.close()
    return [Reporter(server, job, token) for job, token in sorted(executor.tokens.items())]


def report_lines(first: int, count: int, names: Sequence[str], at: float | None = None) -> bytes:
    """Reports of steps from `first` on, as `launcher.report` writes them; a thousand a second."""
    begun = time.time() if at is None else at
    noise = random.Random(first)
    lines = []
    for step in range(first, first + count):
        values = ",".join(f'"{name}":{noise.random()!r}' for name in names)
        now = begun + (step - first) / 1000
        lines.append(f'{{"t":{now!r},"k":"m","step":{step},"m":{{{values}}}}}\n')
    return "".join(lines).encode()
