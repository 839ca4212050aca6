"""The embedded cluster: Ray started as processes of its own on this machine, found again later.

    ensure() ──> lock ──> living? ──yes──────────────────────────────┐
                            │ no: end what is left, clear its folder │
                            └─> _head.py (own session) ──> record ───┴──> RayAddress

What is known of it lies in the state folder: `ray.json` (the record), `ray-token`, `ray.log` (what
the start said). The record is written before anything starts, so a caller killed at any moment
leaves nothing that the next one cannot find and end. Nobody owns the cluster: it outlives who
started it, and any process of this user may stop it.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from launcher.clusters import _cpus, _folders, _gpus, _processes, _start
from launcher.clusters._record import Record
from launcher.clusters.base import Cluster, RayAddress
from launcher.errors import ConflictError, SpecError, UnreachableError

_START_TIMEOUT_S = 120.0
_ANSWER_TIMEOUT_S = 2.0
_BUSY_TIMEOUT_S = 30.0  # training may starve a living head for a while; that ends nobody's job


class LocalRay(Cluster):
    """Ray on this machine for one state folder.

    Args:
        state_dir: what identifies the cluster; one folder, one cluster.
        cpus: CPUs to offer; by default LAUNCHER_LOCAL_CPUS, else all that this process may use.
        gpus: GPUs to offer, which need not exist; by default LAUNCHER_LOCAL_GPUS, else those of
            this machine that no other process holds memory on.
        settings: Ray's own settings (`RAY_*`) in which this cluster differs.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        cpus: int | None = None,
        gpus: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._state_dir = state_dir
        self._cpus = cpus
        self._gpus = gpus
        self._settings = dict(settings or {})

    def ensure(self) -> RayAddress:
        with self._locked():
            record = Record.read(self._record_path)
            if record is not None and record.is_alive():
                return self._answering(record)
            self._end(record, grace_s=1.0)
            return self._driver_address(self._start())

    def running(self) -> RayAddress | None:
        record = Record.read(self._record_path)
        if record is None or not record.is_alive() or not record.answers(_ANSWER_TIMEOUT_S):
            return None
        return self._driver_address(record)

    def stop(self, grace_s: float = 10.0) -> None:
        """End every process of the cluster and what these have started, and clear its folder.

        Raises:
            ConflictError: processes are left that even SIGKILL does not end.
        """
        if not self._record_path.exists():
            return
        with self._locked():
            self._end(Record.read(self._record_path), grace_s)

    def memory_bytes(self) -> int:
        """Proportional set size (PSS) of Ray's processes and the agents, without the ranks."""
        record = Record.read(self._record_path)
        members = record.members() if record is not None else set()
        return sum(_processes.memory_bytes(member.process) for member in members)

    def preloaded_bytes(self) -> int:
        """The same of the interpreters that are preloaded for the next jobs here."""
        record = Record.read(self._record_path)
        found = record.preloaded() if record is not None else set()
        return sum(_processes.memory_bytes(process) for process in found)

    def offered(self) -> dict[str, float]:
        """What a start would offer now, by Ray's resource names; memory is the machine's whole."""
        cpus, gpus = self._declared_amounts()
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return {
            "CPU": float(_cpus.available_cpus() if cpus is None else cpus),
            "GPU": float(len(_offered_gpus()) if gpus is None else gpus),
            "memory": float(memory),
        }

    def _declared_amounts(self) -> tuple[int | None, int | None]:
        """CPUs and GPUs that were chosen; None where the machine decides."""
        return (
            _declared(self._cpus, "LAUNCHER_LOCAL_CPUS"),
            _declared(self._gpus, "LAUNCHER_LOCAL_GPUS"),
        )

    @property
    def _record_path(self) -> Path:
        return self._state_dir / "ray.json"

    @property
    def _log_path(self) -> Path:
        return self._state_dir / "ray.log"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Only one process at a time starts or stops this cluster; the others wait."""
        self._state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._state_dir / "ray.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _answering(self, record: Record) -> RayAddress:
        if not record.answers(_BUSY_TIMEOUT_S):
            raise UnreachableError(
                f"the embedded Ray cluster is alive but silent on port {record.port} "
                f"for {_BUSY_TIMEOUT_S:.0f}s",
                hint=f"see the logs below {record.temp_dir}; stopping the cluster ends its jobs",
            )
        return self._driver_address(record)

    def _driver_address(self, record: Record) -> RayAddress:
        return RayAddress(
            address=_for_driver(record.host, record.port),
            environment=self._authentication(),
            node_ip=record.host,
            temp_dir=record.temp_dir,
        )

    def _authentication(self) -> dict[str, str]:
        return {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self._state_dir.resolve() / "ray-token"),
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def _end(self, record: Record | None, grace_s: float) -> None:
        if record is None:
            return
        _processes.end(record.all_but_head, grace_s)
        # Ray's head never comes back from its own SIGTERM (2.60), and has nothing to save.
        left = _processes.end(record.processes, grace_s=0)
        if left:
            pids = ", ".join(str(process.pid) for process in sorted(left, key=lambda one: one.pid))
            raise ConflictError(
                f"processes {pids} of the embedded Ray cluster do not end",
                hint="they wait inside the kernel, often for a disk or GPU; stop again later",
            )
        shutil.rmtree(record.temp_dir, ignore_errors=True)
        self._record_path.unlink(missing_ok=True)

    def _start(self) -> Record:
        if importlib.util.find_spec("ray") is None:
            raise UnreachableError(
                "the embedded Ray cluster needs the package 'ray', which this Python lacks",
                hint="pip install 'trainlaunch[local]'",
            )
        temp_dir = _folders.short_folder(self._state_dir)
        shutil.rmtree(temp_dir, ignore_errors=True)
        temp_dir.mkdir(mode=0o700)
        _write_token(self._state_dir / "ray-token")
        command, environment = self._command_and_environment(temp_dir)
        with self._log_path.open("wb") as log:
            head = subprocess.Popen(
                command,
                cwd=temp_dir,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that a closed terminal ends nothing
            )
        return self._await(head, temp_dir)

    def _command_and_environment(self, temp_dir: Path) -> tuple[list[str], dict[str, str]]:
        cpus, gpus = self._declared_amounts()
        cpus = _cpus.available_cpus() if cpus is None else cpus
        gpu_ids = _offered_gpus() if gpus is None else ()
        gpus = len(gpu_ids) if gpus is None else gpus
        environment = _start.ray_environment(os.environ, cpus=cpus, gpu_ids=gpu_ids)
        environment |= self._authentication() | self._settings
        return _start.head_command(
            temp_dir, f"--num-cpus={cpus}", f"--num-gpus={gpus}"
        ), environment

    def _await(self, head: subprocess.Popen[bytes], temp_dir: Path) -> Record:
        """Write down whom we start, give the order, and wait until Ray says where it listens."""
        begun = _processes.stat(head.pid)
        assert begun is not None, "a child exists until its parent has waited for it"
        record = Record(begun.process, temp_dir)
        record.write(self._record_path)
        up: Record | None = None
        try:
            head.communicate(b"start\n", timeout=_START_TIMEOUT_S)
            up = record.located() if head.returncode == 0 else None
            if up is None:
                raise UnreachableError(
                    f"the embedded Ray cluster did not start: {_last_line(self._log_path)}",
                    hint=f"see {self._log_path}",
                )
            up.write(self._record_path)
        except subprocess.TimeoutExpired as error:
            raise UnreachableError(
                f"the embedded Ray cluster did not start within {_START_TIMEOUT_S:.0f}s",
                hint=f"see {self._log_path}; is the machine short of memory or CPU?",
            ) from error
        finally:
            if up is None:
                head.kill()
                head.wait()
                self._end(record, grace_s=0)
        return up


def _for_driver(host: str, port: int) -> str:
    """The address as `ray.init` must be told it.

    It replaces 127.0.0.1 by the machine's address on the network, where this cluster does not
    listen; the same host written as an IPv4-mapped IPv6 address is left alone.
    """
    return f"[::ffff:{host}]:{port}" if host == _start.LOOPBACK else f"{host}:{port}"


def _declared(argument: int | None, variable: str) -> int | None:
    if argument is not None:
        return argument
    text = os.environ.get(variable)
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise SpecError(f"{variable} is '{text}'", hint="write a whole number, or unset it")
    return int(text)


def _offered_gpus() -> tuple[str, ...]:
    gpus, holders = _gpus.query()
    return _gpus.offered(gpus, holders, os.environ.get("CUDA_VISIBLE_DEVICES"))


def _write_token(path: Path) -> None:
    """A new secret for each start, readable by this user alone."""
    path.unlink(missing_ok=True)
    with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(secrets.token_hex(32))


def _last_line(path: Path) -> str:
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"
