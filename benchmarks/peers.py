"""What launcher is measured beside: torchrun, and a Ray head that takes jobs."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from embedded import PROGRAMS
from measuring import wait_until
from slices import descendants

from launcher.clusters import _processes

_PROBE = "import aiohttp, aiohttp_cors, ray, ray.train.torch"
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Command:
    """What is started by hand; without an environment in this script's own."""

    words: Sequence[str]
    environment: Mapping[str, str] | None = None


@contextmanager
def running(
    commands: Sequence[Command], output: int | IO[str] = subprocess.DEVNULL
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The commands in the folder of the programs; what is left of them at the end is ended."""
    started = [
        subprocess.Popen(one.words, cwd=PROGRAMS, env=one.environment, stdout=output, stderr=output)
        for one in commands
    ]
    try:
        yield started
    finally:
        pids = [process.pid for process in started]
        _processes.end(lambda: descendants(pids), grace_s=1.0)
        for process in started:
            process.wait()


def torchrun(*program: str, workers: int = 2, restarts: int = 0) -> list[str]:
    """The command, with a free port of its own: the quickest of torchrun's rendezvous."""
    return [
        *(sys.executable, "-m", "torch.distributed.run", "--max-restarts", str(restarts)),
        *("--nproc-per-node", str(workers), "--master-port", str(free_port()), *program),
    ]


class RayHead:
    """As `ray start --head` makes it. `python`: of an environment with `ray[default,train]`."""

    def __init__(self, python: str, folder: Path) -> None:
        self._python, self._folder = python, folder
        self._port = free_port()
        self._token = secrets.token_hex(32)
        self.environment = {
            **os.environ,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self._token,
        }

    @property
    def url(self) -> str:
        return f"http://{_LOOPBACK}:{self._port}"

    def job(self, working_dir: Path, *entrypoint: str) -> list[str]:
        """Command that submits a Ray job and waits for its end."""
        submit = ["job", "submit", "--address", self.url, "--working-dir", str(working_dir)]
        return [*self._ray(), *submit, "--", self._python, *entrypoint]

    def start(self) -> subprocess.Popen[bytes]:
        arguments = {
            "port": free_port(),
            "ray-client-server-port": free_port(),
            "dashboard-port": self._port,
            "dashboard-agent-listen-port": free_port(),
            "node-ip-address": _LOOPBACK,
            "dashboard-host": _LOOPBACK,
            "num-cpus": max(2, os.cpu_count() or 1),
            "num-gpus": 0,
            "include-dashboard": "true",
            "object-store-memory": 200_000_000,
            "temp-dir": self._folder,
        }
        flags = [f"--{name}={value}" for name, value in arguments.items()]
        with (self._folder / "start.log").open("wb") as log:
            return subprocess.Popen(
                [*self._ray(), "start", "--head", "--block", *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )

    def answers(self) -> bool:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            request = urllib.request.Request(f"{self.url}/api/jobs/", headers=headers)
            with urllib.request.urlopen(request, timeout=5.0) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _ray(self) -> list[str]:
        return [self._python, "-m", "ray.scripts.scripts"]


@contextmanager
def ray_head(python: str) -> Iterator[RayHead]:
    """A head that takes jobs; all its processes are ended after it."""
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # short: Ray's sockets lie far below it
    head = RayHead(python, folder)
    process = head.start()
    seen = _processes.stat(process.pid)
    assert seen is not None
    leader = seen.process

    def members() -> set[_processes.Process]:
        everyone = _processes.snapshot()
        found = _processes.in_session(leader, folder, everyone)
        found |= {one for pid, one in everyone.items() if pid == leader.pid}
        return {one.process for one in _processes.with_descendants(found, everyone)}

    try:
        wait_until(head.answers, "an answer of Ray's job server")
        yield head
    finally:
        _processes.end(members, grace_s=1.0)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def missing(python: str, probed: str = _PROBE) -> str | None:
    """What that environment lacks for some imports; by default `ray job submit` with Ray Train."""
    probe = subprocess.run([python, "-c", probed], capture_output=True, text=True, check=False)
    if probe.returncode == 0:
        return None
    print(probe.stderr, file=sys.stderr)
    return probe.stderr.strip().splitlines()[-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])
