"""A cluster that is played over HTTP: pages see jobs run through the real intake, without Ray.

cluster = Played(site)
gang = cluster.run(name="digits", resources={"workers": 2})
gang.log("hello\\n", rank=1)
gang.points(range(3), loss=0.5)
gang.end("PROGRAM_FAILED", words="rank 1: exit code 3", first_failing=1)
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any
from urllib.request import Request, urlopen

from lone_server import Site
from machine import wait_until

from launcher.model.node import NodeReport
from launcher.model.sample import Sample, line_of
from launcher.model.wire import Hello, Report

API = "/api/v1"


class Played:
    """The executor of a cluster, of which all nodes are alike."""

    def __init__(self, site: Site, name: str = "lab", nodes: int = 2) -> None:
        self._site, self._name, self._nodes = site, name, nodes
        hello = Hello(name, "local", "2.60.0", "3.11", "0.1.0", "head")
        self._fence = self.ask("POST", "/executor/session", asdict(hello))["fence"]

    def ask(self, method: str, path: str, data: Any = None, *, token: str = "") -> Any:
        body = data if isinstance(data, bytes) or data is None else json.dumps(data).encode()
        headers = {"Authorization": f"Bearer {token or self._site.token}"}
        headers |= {"Content-Type": "application/json"} if body is not data else {}
        request = Request(f"{self._site.url}{API}{path}", body, headers, method=method)
        with urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def report(self) -> None:
        amounts = {"CPU": 8.0}
        told = tuple(
            NodeReport(f"{at:056x}", f"node-{at}", "10.0.0.1", amounts, amounts)
            for at in range(self._nodes)
        )
        self.ask("POST", "/executor/report", asdict(Report(self._name, self._fence, told, ())))

    def submit(self, **spec: Any) -> str:
        usual = {"name": "digits", "framework": "command", "entrypoint": ["true"]}
        data = {"spec": usual | {"workdir": "/tmp"} | spec, "user": "ada"}
        return str(self.ask("POST", "/jobs", data)["id"])

    def run(self, **spec: Any) -> Gang:
        """Submit a job, and let it run."""
        return self.granted(self.submit(**spec))

    def granted(self, job: str) -> Gang:
        """The gang of a job that is placed within a moment; all of its ranks start."""

        def wanted() -> Any:
            desired = f"/executor/desired?cluster={self._name}&fence={self._fence}"
            found = self.ask("GET", desired)["allocations"]
            return next((one for one in found if one["job_id"] == job), None)

        self.report()
        return Gang(self, wait_until(wanted, f"an allocation of {job}"))


class Gang:
    """The agent of a job's only node."""

    def __init__(self, cluster: Played, wanted: dict[str, Any]) -> None:
        self._cluster, self._token = cluster, wanted["token"]
        self.job, self.attempt = str(wanted["job_id"]), 0
        self._status = {"allocation": wanted["id"], "index": 0, "address": "10.0.0.1:7000"}
        self._lengths: defaultdict[tuple[str, int, int], int] = defaultdict(int)
        self.start()

    def start(self) -> None:
        """The attempt after this one, once it is granted."""
        granted = wait_until(lambda: self._sync(verdict=None)["grant"] > self.attempt, "a grant")
        assert granted
        self.attempt += 1
        self._sync(attempt=self.attempt, started=self.attempt)

    def end(self, ending: str = "FINISHED", **verdict: Any) -> None:
        self._sync(verdict={"ending": ending} | verdict, quiet=self.attempt)

    def log(self, text: str, *, rank: int = 0) -> None:
        self._append("log", rank, text.encode())

    def points(
        self, steps: Iterable[int], *, rank: int = 0, step_s: float = 1.0, **values: float
    ) -> None:
        """A report a step, `step_s` apart."""
        lines = [
            {"k": "m", "t": 1_790_000_000 + step * step_s, "step": step, "m": values}
            for step in steps
        ]
        self._append("spool", rank, "".join(f"{json.dumps(one)}\n" for one in lines).encode())

    def sample(self, *samples: Sample) -> None:
        self._append("sampled", 0, b"".join(map(line_of, samples)))

    def commit(self, step: int, files: dict[str, bytes], **metrics: float) -> None:
        told = {"attempt": self.attempt, "step": step, "metrics": metrics}
        self._ask("POST", "/checkpoints", told | {"files": self._entries(files)})

    def give(self, files: dict[str, bytes], *, rank: int = 0) -> None:
        """Outputs."""
        told = {"attempt": self.attempt, "rank": rank, "files": self._entries(files)}
        self._ask("POST", "/outputs", told)

    def _entries(self, files: dict[str, bytes]) -> list[dict[str, Any]]:
        return [
            {"path": path, "size": len(data), "sha256": self._upload(data)}
            for path, data in files.items()
        ]

    def _upload(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self._ask("PUT", f"/blobs/{digest}", data)
        return digest

    def _append(self, stream: str, rank: int, data: bytes) -> None:
        key = stream, self.attempt, rank
        piece = {"stream": stream, "attempt": self.attempt, "rank": rank}
        head = json.dumps([piece | {"offset": self._lengths[key], "size": len(data)}])
        (self._lengths[key],) = self._ask("POST", "/append", head.encode() + b"\n" + data)[
            "lengths"
        ]

    def _sync(self, **facts: Any) -> Any:
        self._status |= facts
        return self._ask("POST", "/sync?wait=0", self._status)

    def _ask(self, method: str, path: str, data: Any = None) -> Any:
        return self._cluster.ask(method, f"/agent{path}", data, token=self._token)
