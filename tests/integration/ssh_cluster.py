"""A head and a worker that only sshd runs on, and a desk from which `ray up` is called.

What of cluster/ is used is a copy with its placeholders replaced, nothing else. The machines have
the Python environment of the tests where the definition would install its own; their `pip` only
writes down what it was asked for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import namespaces
from machine import wait_until
from namespaces import Space, Spaces

CLUSTER = Path(__file__).parents[2] / "cluster"
_SSHD = """
Port 22
HostKey {folder}/host-key
AuthorizedKeysFile {folder}/key.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
MaxStartups 50
"""
_PIP = '#!/bin/sh\necho "$@" >> "$(dirname "$0")/asked"\n'
_APART = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
"""`ray stop`, which `ray up` calls on the machines, ends every Ray that it sees."""
_OF_TOOLS = ("ray", "launcher", "python")


def missing() -> str:
    """Why there can be none here; empty when there can."""
    for tool, package in (("sshd", "openssh-server"), ("ssh", "openssh-client"), ("rsync",) * 2):
        if _which(tool) is None:
            return f"`ray up` needs {tool}, which is not installed here: apt install {package}"
    return namespaces.missing()


class SshCluster:
    """Use it in a `with`; nothing of it is left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spaces = Spaces(folder)
        self.gateway = self._spaces.gateway
        self._daemons: list[subprocess.Popen[bytes]] = []

    def __enter__(self):
        self._spaces.__enter__()
        try:
            for key in ("key", "host-key"):
                namespaces.run("ssh-keygen", "-q", "-N", "", "-f", str(self._folder / key))
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants it to be there, and empty
            self.desk = self._machine("desk", 2)
            self.head, self.worker = (self._with_sshd(*one) for one in (("head", 3), ("worker", 4)))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._spaces.__exit__(*error)
        for daemon in self._daemons:
            daemon.wait()

    def definition(self, **words: str) -> Path:
        """A copy of cluster/ with the words replaced; its onprem.yaml."""
        copy = self._folder / "cluster"
        shutil.copytree(CLUSTER, copy, dirs_exist_ok=True)
        definition = copy / "onprem.yaml"
        text = definition.read_text()
        words |= {
            "HEAD_ADDRESS": self._spaces.host(3),
            "WORKER_ADDRESS": self._spaces.host(4),
            "SSH_USER": "root",
            "SSH_PRIVATE_KEY": str(self._folder / "key"),
        }
        for word, value in words.items():
            assert word in text
            text = text.replace(word, value)
        definition.write_text(text)
        return definition

    def ray(self, *words: str) -> str:
        """What `ray …` says at the desk, which has to succeed."""
        done = subprocess.run(
            [*self.desk.on(), sys.executable, "-m", "ray.scripts.scripts", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self._folder / "cluster",
            env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "TERM": "dumb"},
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def running(self, space: Space, *marks: str) -> list[int]:
        """Pids of what runs there with all these words in its command line."""
        found = []
        for pid in space.pids():
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if all(mark in words for mark in marks):
                found.append(pid)
        return found

    def _machine(self, name: str, number: int) -> Space:
        space = self._spaces.add(name, has_home=True)
        self._spaces.wire(space, self._spaces.host(number))
        # Ray takes the address from which it would go there for the machine's own.
        space.ip("route", "add", "default", "via", self.gateway)
        return space

    def _with_sshd(self, name: str, number: int) -> Space:
        space = self._machine(name, number)
        tools = space.home / "launcher" / "venv" / "bin"
        tools.mkdir(parents=True)
        for tool in _OF_TOOLS:
            (tools / tool).symlink_to(Path(sys.executable).parent / tool)
        (tools / "pip").write_text(_PIP)
        (tools / "pip").chmod(0o755)
        config = self._folder / "sshd.conf"
        config.write_text(_SSHD.format(folder=self._folder))
        with (self._folder / f"sshd-{name}.log").open("wb") as log:
            daemon = subprocess.Popen(
                [*space.on(), *_APART, _which("sshd") or "", "-D", "-e", "-f", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"HOME": str(Path.home()), "PATH": os.environ["PATH"]},
            )
        self._daemons.append(daemon)
        [there] = wait_until(lambda: [pid for pid in space.pids() if _is_sshd(pid)], "sshd")
        own, theirs = (Path(f"/proc/{pid}/ns/pid").readlink() for pid in ("self", there))
        assert own != theirs, "`ray stop` would end the Ray of others"
        return space


def _is_sshd(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text() == "sshd\n"


def _which(tool: str) -> str | None:
    return shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin")
