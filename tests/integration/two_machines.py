"""Two machines made of one: each a network namespace with its own address, host name and /tmp.

    with TwoMachines(tmp_path) as machines:
        machines.address                # of their Ray, of one node each
        machines.on(0)                  # puts a command line onto the first of them
        machines.tmp(1)                 # what the second one has as /tmp

This process is a third machine, with the address `gateway`. `missing()` tells why there can be none
here: network namespaces take root, and the tools of iproute2 and util-linux.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

from launcher.clusters import _start
from launcher.clusters.base import RayAddress

_CPUS = 4
_PORT, _DASHBOARD = 6380, 8265
_RAY_START = ["-m", "ray.scripts.scripts", "start", "--object-store-memory=80000000"]
FOREIGN_PYTHON = Path(sys.prefix) / "ray-head" / "bin" / "python"
"""Of an environment that `make test-apart` makes, with ray[default] and without launcher."""
_ON = 'mount --bind "$1" /tmp && hostname "$2" && shift 2 && exec "$@"'
_START_TIMEOUT_S = 120.0


def missing() -> str:
    """Why no such machines can be made here; empty when they can."""
    if Path("/tmp") in (prefix := Path(sys.prefix)).parents:
        return f"two machines have a /tmp of their own: the environment {prefix} is not there"
    name = f"try{os.getpid()}"
    try:
        _ip("netns", "add", name)
        try:
            _run("ip", "netns", "exec", name, "unshare", "--mount", "--uts", "true")
        finally:
            _ip("netns", "del", name)
    except FileNotFoundError as error:
        return f"two machines need network namespaces: {error.filename} is not installed here"
    except subprocess.CalledProcessError as error:
        return f"two machines need network namespaces: {error.stderr.strip()}"
    return ""


class TwoMachines:
    """Use it in a `with`. On exit all that runs on them is killed.

    Args:
        folder: a new one.
        foreign: somebody else's Ray, with a dashboard, whose python knows nothing of launcher.
    """

    def __init__(self, folder: Path, *, foreign: bool = False) -> None:
        self._folder, self._is_foreign = folder, foreign
        self._net = f"198.18.{os.getpid() % 250}"  # a network for tests (RFC 2544)
        self._tag = secrets.token_hex(4)  # the kernel takes its time to forget names
        self.gateway = f"{self._net}.1"
        self.address = RayAddress(f"{self._host(0)}:{_PORT}", {"RAY_AUTH_MODE": "disabled"})

    def __enter__(self):
        try:
            _ip("link", "add", self._bridge, "type", "bridge")
            _ip("addr", "add", f"{self.gateway}/24", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
            for number in range(2):
                self._make(number)
            self._start_ray(0, "--head", f"--port={_PORT}", *self._dashboard())
            self._start_ray(1, f"--address={self.address.address}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        for number in range(2):
            self._empty(self._space(number))
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "del", self._space(number))
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("link", "del", self._bridge)

    @property
    def url(self) -> str:
        """Of the dashboard."""
        return f"http://{self._host(0)}:{_DASHBOARD}"

    def name(self, number: int) -> str:
        """Its host name."""
        return f"machine-{number}"

    def tmp(self, number: int) -> Path:
        """The folder that is /tmp there."""
        return self._folder / self.name(number)

    def on(self, number: int) -> list[str]:
        """What to put before a command line that shall run there."""
        enter = ["ip", "netns", "exec", self._space(number), "unshare", "--mount", "--uts"]
        return [*enter, "sh", "-c", _ON, "sh", str(self.tmp(number)), self.name(number)]

    @property
    def _bridge(self) -> str:
        return f"br{self._tag}"

    def _space(self, number: int) -> str:
        return f"machine{self._tag}-{number}"

    def _host(self, number: int) -> str:
        return f"{self._net}.{number + 2}"

    def _make(self, number: int) -> None:
        space, cable = self._space(number), f"v{self._tag}-{number}"
        self.tmp(number).mkdir()
        _ip("netns", "add", space)
        _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("link", "set", cable, "master", self._bridge, "up")
        _ip("-n", space, "addr", "add", f"{self._host(number)}/24", "dev", "eth0")
        _ip("-n", space, "link", "set", "eth0", "up")
        _ip("-n", space, "link", "set", "lo", "up")

    def _dashboard(self) -> list[str]:
        if not self._is_foreign:
            return ["--include-dashboard=false"]
        return ["--dashboard-host=0.0.0.0", f"--dashboard-port={_DASHBOARD}"]

    def _start_ray(self, number: int, *options: str) -> None:
        options += (f"--node-ip-address={self._host(number)}", f"--num-cpus={_CPUS}")
        command = _start.ray_command(*options)
        if self._is_foreign:
            command = [str(FOREIGN_PYTHON), *_RAY_START, *options]
        with (self._folder / f"ray-{number}.log").open("wb") as log:
            subprocess.run(
                [*self.on(number), *command],
                input=b"start\n",
                stdout=log,
                stderr=log,
                cwd="/",
                env={
                    **_start.ray_environment(os.environ, cpus=_CPUS),
                    **self.address.environment,
                },
                timeout=_START_TIMEOUT_S,
                check=True,
            )

    def _empty(self, space: str) -> None:
        """Kill all that runs there, until nothing does."""
        give_up = time.monotonic() + 10.0
        while time.monotonic() < give_up:
            found = subprocess.run(
                ["ip", "netns", "pids", space], capture_output=True, text=True, check=False
            )
            pids = [int(pid) for pid in found.stdout.split()]
            if not pids:
                return
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    subprocess.run(command, capture_output=True, text=True, check=True)
