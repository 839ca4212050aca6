"""Machines made of one: network namespaces with their own host name, /tmp and home.

    with Spaces(tmp_path) as spaces:
        machine = spaces.add("machine-0")
        spaces.wire(machine, spaces.host(2))        # onto the bridge that this process is on too
        subprocess.run([*machine.on(), "hostname"])

`missing()` tells why none can be made here: they take root, and the tools of iproute2 and
util-linux.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_ON = 'mount --bind "$1" /tmp && hostname "$2" && shift 2 && exec "$@"'
_AT_HOME = 'mount --bind "$1" /etc/passwd && export HOME="$2" && shift 2 && exec "$@"'


def missing() -> str:
    """Why no such machines can be made here; empty when they can."""
    for needed in (Path(sys.prefix), Path(sys.base_prefix)):
        if Path("/tmp") in needed.parents:
            return f"machines have a /tmp of their own: {needed} is not there"
    name = f"try{os.getpid()}"
    try:
        _ip("netns", "add", name)
        try:
            run("ip", "netns", "exec", name, "unshare", "--mount", "--uts", "true")
        finally:
            _ip("netns", "del", name)
    except FileNotFoundError as error:
        return f"machines need network namespaces: {error.filename} is not installed here"
    except subprocess.CalledProcessError as error:
        return f"machines need network namespaces: {error.stderr.strip()}"
    return ""


@dataclass(frozen=True)
class Space:
    """One machine. `tmp` is the folder that it has as /tmp.

    With a home of its own that is /tmp/home there, also for who logs in; $HOME of this process
    may be where our Python lies.
    """

    name: str
    kernel_name: str
    folder: Path
    has_home: bool

    @property
    def tmp(self) -> Path:
        return self.folder / "tmp"

    @property
    def home(self) -> Path:
        return self.tmp / "home"

    def on(self) -> list[str]:
        """What to put before a command line that shall run there."""
        enter = ["ip", "netns", "exec", self.kernel_name, "unshare", "--mount", "--uts"]
        there = [*enter, "sh", "-c", _ON, "sh", str(self.tmp), self.name]
        if not self.has_home:
            return there
        return [*there, "sh", "-c", _AT_HOME, "sh", str(self.folder / "passwd"), "/tmp/home"]

    def ip(self, *arguments: str) -> None:
        """`ip` there."""
        _ip("-n", self.kernel_name, *arguments)

    def pids(self) -> list[int]:
        """All that runs there."""
        found = subprocess.run(
            ["ip", "netns", "pids", self.kernel_name], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in found.stdout.split()]

    def empty(self) -> None:
        """Kill all that runs there, until nothing does."""
        give_up = time.monotonic() + 10.0
        while (pids := self.pids()) and time.monotonic() < give_up:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)


class Spaces:
    """Use it in a `with`: on exit all that runs on the machines is killed, and they go.

    This process is on their bridge too, with the address `gateway`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._net = f"198.18.{os.getpid() % 250}"  # a network for tests (RFC 2544)
        self._tag = secrets.token_hex(3)  # the kernel takes its time to forget names
        self._bridge = f"br{self._tag}"
        self._spaces: list[Space] = []
        self._cables = 0
        self.gateway = self.host(1)

    def __enter__(self):
        _ip("link", "add", self._bridge, "type", "bridge")
        try:
            _ip("addr", "add", f"{self.gateway}/24", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        for space in self._spaces:
            space.empty()
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "del", space.kernel_name)
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("link", "del", self._bridge)

    def host(self, number: int) -> str:
        """An address of the bridge's network."""
        return f"{self._net}.{number}"

    def add(self, name: str, *, has_home: bool = False) -> Space:
        """One more machine, with no network yet."""
        space = Space(name, f"{self._tag}-{name}", self._folder / name, has_home)
        space.tmp.mkdir(parents=True)
        if has_home:
            space.home.mkdir(mode=0o700)
            me = pwd.getpwuid(os.getuid())
            entry = f"{me.pw_name}:x:{me.pw_uid}:{me.pw_gid}::/tmp/home:/bin/bash\n"
            others = [line for line in _passwd() if not line.startswith(f"{me.pw_name}:")]
            (space.folder / "passwd").write_text(entry + "".join(others))
        _ip("netns", "add", space.kernel_name)
        self._spaces.append(space)
        space.ip("link", "set", "lo", "up")
        return space

    def wire(self, space: Space, address: str) -> None:
        """A cable from the machine to the bridge."""
        end = self._next_cable()
        _ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", space.kernel_name)
        _ip("link", "set", end, "master", self._bridge, "up")
        self._plug(space, address)

    def join(self, router: Space, bridge: str, space: Space, address: str) -> None:
        """A cable from the machine to a bridge that is on another machine."""
        end = self._next_cable()
        _ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", space.kernel_name)
        _ip("link", "set", end, "netns", router.kernel_name)
        router.ip("link", "set", end, "master", bridge, "up")
        self._plug(space, address)

    def _plug(self, space: Space, address: str) -> None:
        space.ip("addr", "add", f"{address}/24", "dev", "eth0")
        space.ip("link", "set", "eth0", "up")

    def _next_cable(self) -> str:
        self._cables += 1
        return f"v{self._tag}-{self._cables}"


def run(*command: str) -> str:
    """What a command of the system says."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout


def _passwd() -> list[str]:
    return Path("/etc/passwd").read_text().splitlines(keepends=True)


def _ip(*arguments: str) -> None:
    run("ip", *arguments)
