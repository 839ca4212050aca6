"""A server beside the executor, on the head of a Ray cluster: `launcher attach --with-server`."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from launcher.clusters._attaching import LacksPackagesError
from launcher.errors import LauncherError, UnreachableError
from launcher.transport import Connection

NEEDS = (
    *("alembic", "click", "cryptography", "fastapi", "fastapi_offline", "jinja2", "numpy"),
    *("pathspec", "prometheus_client", "pydantic", "rich", "sqlalchemy", "uvicorn", "yaml"),
)
"""What a server imports beside the standard library."""
_START_TIMEOUT_S = 60.0
_POLL_S = 0.1
_PAUSE_S = 2.0


def serve_beside(order: Mapping[str, Any]) -> str:
    """Start the server and keep it running as long as this process; gives its URL for the nodes.

    Raises:
        LacksPackagesError: it cannot run with this Python.
        UnreachableError: it did not come up.
    """
    lacking = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if lacking:
        raise LacksPackagesError(
            f"a server needs {', '.join(lacking)}, which the head's Python lacks",
            hint="Ray can install them for this one job: that needs a package index it can reach",
        )
    state_dir = Path(order["serve"]["state_dir"]).expanduser()
    port = int(order["serve"]["port"])
    check_port(port)
    keep_token(state_dir, order["token"])
    url = f"http://{own_address()}:{port}"
    command = [
        *(sys.executable, "-m", "launcher", "server", "--host", "0.0.0.0", "--port", str(port)),  # noqa: S104 - to be reached is its purpose
        *("--state-dir", str(state_dir), "--public-url", url),
    ]
    process = subprocess.Popen(command)
    _await(process, url)
    threading.Thread(target=_keep, args=(process, command), name="server", daemon=True).start()
    return url


def check_port(port: int) -> None:
    """Refuse one that is taken: what listens there would be mistaken for the server.

    Raises:
        UnreachableError: the port is taken.
    """
    try:
        socket.create_server(("", port)).close()
    except OSError as error:
        raise UnreachableError(
            f"port {port} of the head ({socket.gethostname()}) cannot be listened on: "
            f"{error.strerror}",
            hint="--port names another one",
        ) from error


def keep_token(state_dir: Path, token: str) -> None:
    """The server shall open to the token that whoever attached knows."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = state_dir / "token.new"
    fresh.unlink(missing_ok=True)
    with open(fresh, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(token)
    fresh.rename(state_dir / "token")


def own_address() -> str:
    """The address by which the other nodes know this one: Ray's own."""
    host = os.environ.get("RAY_ADDRESS", "").rpartition(":")[0]
    return host or socket.gethostname()


def _await(process: subprocess.Popen[bytes], url: str) -> None:
    give_up = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            Connection(url, timeout_s=5.0).request("GET", "/api/v1/healthz")
        except LauncherError:
            time.sleep(_POLL_S)
        else:
            return
    ended = process.poll()
    why = f"it ended with {ended}" if ended is not None else f"no answer in {_START_TIMEOUT_S:g} s"
    raise UnreachableError(
        f"the server on the head did not come up at {url}: {why}",
        hint="the job's log, below, tells more; --port names another port",
    )


def _keep(process: subprocess.Popen[bytes], command: list[str]) -> None:
    """Start the server again whenever it ends."""
    while True:
        code = process.wait()
        print(f"the server ended with {code}; another one is started", flush=True)
        time.sleep(_PAUSE_S)
        process = subprocess.Popen(command)
