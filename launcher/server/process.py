"""This user's own server as a process: started once, found again, stopped. Standard library."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from launcher.clusters import _processes
from launcher.clusters._processes import Process
from launcher.errors import LauncherError, UnreachableError
from launcher.transport import Connection

START_TIMEOUT_S = 60.0
_LISTEN, _LOOPBACK = "listen", "127.0.0.1"
_POLL_S, _WRITTEN_S = 0.02, 1.0
SERVER, EXECUTOR = "server.json", "executor.json"
"""Who runs: {"pid", "start", ...}; `start` tells the process from a later one of that pid."""
MONITORING_KEY = "monitoring-token"
"""The file for Prometheus: what is in it opens `/metrics` alone."""


def ensure_server(state_dir: Path) -> str:
    """URL of the server of this folder, started in the background if none runs.

    Two callers at once give one server: the second waits for the first one's.

    Raises:
        UnreachableError: it did not come up; the text holds its log's last lines.
    """
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(state_dir):
        url = running_server(state_dir)
        return url or _start(state_dir)


def running_server(state_dir: Path) -> str | None:
    """URL of the server whose process lives, or None; of several on PostgreSQL, of one of them."""
    for path in (state_dir / SERVER, *sorted(state_dir.glob(_replica("*")))):
        record = read_record(path)
        if record and _lives(record):
            return str(record["url"])
    return None


def replica_record(port: int) -> str:
    """The file that tells of this process, where others may serve the same folder."""
    return _replica(port)


def _replica(port: int | str) -> str:
    return f"server-{socket.gethostname()}-{port}.json"


def stop_server(state_dir: Path, grace_s: float = 10.0) -> None:
    """End the server and its executor; jobs' agents and Ray run on."""
    # The server first: it would start another executor.
    for name in (SERVER, EXECUTOR):
        record = read_record(state_dir / name)
        if record and _lives(record):
            process = Process(int(record["pid"]), int(record["start"]))
            _processes.end(lambda only=process: {only}, grace_s)  # type: ignore[misc]
        (state_dir / name).unlink(missing_ok=True)


def write_record(path: Path, **more: Any) -> None:
    """Tell that this process runs; the file is replaced whole."""
    own = _processes.stat(os.getpid())
    assert own is not None
    record = {"pid": os.getpid(), "start": own.process.start, **more}
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with open(fresh, "w", opener=_private) as file:
        json.dump(record, file)
    fresh.rename(path)


def read_record(path: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        record = json.loads(path.read_text())
        if isinstance(record, dict) and {"pid", "start"} <= record.keys():
            return record
    return None


def own_token(state_dir: Path) -> str:
    """The secret that opens this folder's server; made at the first start, for this user alone."""
    path = state_dir / "token"
    with suppress(FileExistsError), open(path, "x", opener=_private) as file:
        file.write(secrets.token_urlsafe(32))
    give_up = time.monotonic() + _WRITTEN_S
    while not (token := path.read_text().strip()):
        if time.monotonic() > give_up:
            raise LauncherError(f"{path} is empty", hint="delete it, and start the server again")
        time.sleep(_POLL_S)  # another server of this folder is just writing it
    return token


def write_private(path: Path, text: str) -> None:
    """Into a file that this user alone reads, unless that stands there already."""
    with suppress(FileNotFoundError):
        if path.read_text() == text:
            return
    path.unlink(missing_ok=True)
    # Another server of this folder may be as early, with the same text.
    with suppress(FileExistsError), open(path, "x", opener=_private) as file:
        file.write(text)


def listens_on(state_dir: Path) -> str:
    """The address that this folder's server listens on; this machine alone unless chosen."""
    with suppress(FileNotFoundError):
        return (state_dir / _LISTEN).read_text().strip() or _LOOPBACK
    return _LOOPBACK


def choose_listening(state_dir: Path, host: str) -> None:
    """From its next start on the server listens on that address."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    (state_dir / _LISTEN).write_text(host)


def process_memory(pid: int) -> int | None:
    """Bytes of a process, shared pages counted in part; None when it is gone."""
    found = _processes.stat(pid)
    return _processes.memory_bytes(found.process) if found else None


def _start(state_dir: Path) -> str:
    log = state_dir / "server.log"
    with open(log, "ab", opener=_private) as out:
        started = subprocess.Popen(
            [
                *(sys.executable, "-m", "launcher", "server", "--embedded"),
                *("--state-dir", state_dir, "--host", listens_on(state_dir)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=state_dir,
            start_new_session=True,
        )
    give_up = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up:
        url = running_server(state_dir)
        if url and _answers(url):
            return url
        if started.poll() is not None:
            break
        time.sleep(_POLL_S)
    raise UnreachableError(
        f"the server did not come up:\n{_last_lines(log)}", hint=f"its whole log is {log}"
    )


def _answers(url: str) -> bool:
    with suppress(LauncherError):
        return Connection(url, timeout_s=5.0).request("GET", "/api/v1/healthz").status == 200
    return False


def _lives(record: dict[str, Any]) -> bool:
    found = _processes.stat(int(record["pid"]))
    return found is not None and found.alive and found.process.start == record["start"]


def _last_lines(log: Path, count: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


@contextmanager
def _locked(state_dir: Path) -> Iterator[None]:
    with (state_dir / "server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
