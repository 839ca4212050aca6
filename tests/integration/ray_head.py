"""A Ray cluster of somebody else: one head with a dashboard, whose Python has ray[default] alone.

    with RayHead(tmp_path) as head:
        head.url            # of its dashboard
        head.stop(); head.start()

`missing()` tells why there can be none here. `make test-apart` installs what it needs, in an
environment beside the tests' own.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from launcher.clusters import _folders, _processes
from launcher.clusters._record import Record

_RAY_HEAD = Path(sys.prefix) / "ray-head"
"""An environment of what our own lacks for ray[default], made by `make test-apart`."""
_START_TIMEOUT_S = 180.0
_OBJECT_STORE_BYTES = 80_000_000
TOKEN = "a-token-of-ray"


def missing() -> str:
    """Why no such cluster can be started here; empty when it can."""
    try:
        for _ in _distributions("ray[default]"):
            pass
    except importlib.metadata.PackageNotFoundError as error:
        return f"ray[default] needs {error.name}, which is missing: `make test-apart` installs it"
    return ""


class RayHead:
    """Use it in a `with`. Its ports stay the same when it is started anew."""

    def __init__(self, folder: Path, cpus: int = 4) -> None:
        self._folder, self._cpus = folder, cpus
        self._temp_dir = _folders.short_folder(folder).with_name(f"h-{os.getpid()}")
        self.python = bare_python(folder / "python", "ray[default]")
        names = ("port", "dashboard-port", "dashboard-agent-listen-port", "ray-client-server-port")
        names += ("dashboard-agent-grpc-port", "runtime-env-agent-port", "metrics-export-port")
        self._ports = dict(zip(names, _free_ports(len(names)), strict=True))
        self._record: Record | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._ports['dashboard-port']}"

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self) -> None:
        shutil.rmtree(self._temp_dir, ignore_errors=True)
        self._temp_dir.mkdir(mode=0o700)
        (self._folder / "ray-token").write_text(TOKEN)
        ports = [f"--{name}={port}" for name, port in self._ports.items()]
        environment = {
            "PATH": os.defpath,  # no python with ray is on it
            "HOME": str(self._folder),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self._folder / "ray-token"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_memory_monitor_refresh_ms": "0",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        }
        with (self._folder / "head.log").open("ab") as log:
            starting = subprocess.Popen(
                [
                    *(str(self.python), "-m", "ray.scripts.scripts", "start", "--head"),
                    *("--node-ip-address=127.0.0.1", f"--temp-dir={self._temp_dir}"),
                    *(f"--num-cpus={self._cpus}", "--num-gpus=0", "--disable-usage-stats"),
                    f"--object-store-memory={_OBJECT_STORE_BYTES}",
                    *ports,
                ],
                cwd=self._temp_dir,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        begun = _processes.stat(starting.pid)
        assert begun is not None
        self._record = Record(begun.process, self._temp_dir)
        assert starting.wait(_START_TIMEOUT_S) == 0, (self._folder / "head.log").read_text()

    def stop(self) -> None:
        """SIGKILL to all its processes, also those of its jobs."""
        if self._record is not None:
            _processes.end(self._record.processes, grace_s=0)
        shutil.rmtree(self._temp_dir, ignore_errors=True)

    def log(self, job: str) -> str:
        """What a Ray job wrote, as its file has it: the dashboard need not answer."""
        (file,) = self._temp_dir.glob(f"session_2*/logs/job-driver-{job}.log")
        return file.read_text()

    def pause(self) -> None:
        """SIGSTOP to its dashboard: it is there, and does not answer."""
        self._signal_dashboard(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_dashboard(signal.SIGCONT)

    def _signal_dashboard(self, what: signal.Signals) -> None:
        assert self._record is not None
        for process in self._record.processes():
            words = Path(f"/proc/{process.pid}/cmdline").read_bytes()
            if b"dashboard" in words and b"agent" not in words:
                _processes.send(process, what)

    def also_has(self, *requirements: str) -> None:
        """Whoever starts its Python from now on finds these too."""
        for requirement in requirements:
            link_packages(self._folder / "python" / "packages", requirement)


def bare_python(folder: Path, *requirements: str) -> Path:
    """A Python that has these distributions of ours and what they need, and nothing else."""
    venv.create(folder, symlinks=True, with_pip=False)
    packages = folder / "packages"
    packages.mkdir()
    for requirement in requirements:
        link_packages(packages, requirement)
    (site,) = folder.glob("lib/python3*/site-packages")
    (site / "packages.pth").write_text(f"{packages}\n")
    return folder / "bin" / "python"


def link_packages(target: Path, requirement: str) -> None:
    """Links to a distribution and all that it needs; the project itself is none of them."""
    for distribution in _distributions(requirement):
        if distribution.name == "trainlaunch":
            continue
        names = {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}
        for name in names - {"__pycache__"}:
            _link(Path(str(distribution.locate_file(name))), target / name)


def _distributions(requirement: str) -> Iterator[importlib.metadata.Distribution]:
    waiting, seen = [Requirement(requirement)], set()
    while waiting:
        wanted = waiting.pop()
        key = (re.sub(r"[-_.]+", "-", wanted.name).lower(), frozenset(wanted.extras))
        if key in seen:
            continue
        seen.add(key)
        path = [*sys.path, *map(str, _RAY_HEAD.glob("lib/python3*/site-packages"))]
        found = importlib.metadata.Distribution.discover(name=wanted.name, path=path)
        distribution = next(iter(found), None)
        if distribution is None:
            raise importlib.metadata.PackageNotFoundError(wanted.name)
        yield distribution
        for text in distribution.requires or []:
            needed = Requirement(text)
            extras = wanted.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in extras):
                waiting.append(needed)


def _link(source: Path, target: Path) -> None:
    """A link; where several distributions share a folder, a folder of links."""
    if not target.exists():
        target.symlink_to(source)
    elif source.is_dir() and target.resolve() != source.resolve():
        if target.is_symlink():
            before = target.resolve()
            target.unlink()
            target.mkdir()
            for entry in before.iterdir():
                _link(entry, target / entry.name)
        for entry in source.iterdir():
            _link(entry, target / entry.name)


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
