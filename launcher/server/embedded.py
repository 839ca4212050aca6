"""Keeps one executor of the embedded cluster running beside an embedded server."""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from launcher.server.sealing import KEYS

log = logging.getLogger(__name__)

_POLL_S = 0.5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_STABLE_S = 60.0
"""An executor that ran for so long starts again without a pause."""


def keep_executor(state_dir: Path, url: str, token: str) -> None:
    """Start a thread that starts an executor whenever none runs here.

    The executor outlives this server, and the next server finds it by its lock; agents and ranks
    outlive both.
    """
    thread = threading.Thread(
        target=_keep, args=(state_dir, url, token), name="keep-executor", daemon=True
    )
    thread.start()


def _keep(state_dir: Path, url: str, token: str) -> None:
    pause_s = _FIRST_PAUSE_S
    while True:
        if not _is_free(state_dir / "executor.lock"):
            time.sleep(_POLL_S)
            continue
        started = time.monotonic()
        log.warning("the executor %s; another one is started", _run(state_dir, url, token))
        pause_s = _FIRST_PAUSE_S if time.monotonic() - started > _STABLE_S else pause_s * 2
        time.sleep(min(pause_s, _LONGEST_PAUSE_S))


def _run(state_dir: Path, url: str, token: str) -> str:
    """Run an executor to its end; gives how it ended, in words."""
    try:
        with (state_dir / "executor.log").open("ab") as out:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "launcher", "executor"),
                    *("--embedded-in", str(state_dir), "--server", url),
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=state_dir,
                env=_without_keys() | {"LAUNCHER_TOKEN": token},
                start_new_session=True,
            )
    except OSError as error:  # no memory, no process left: later perhaps
        return f"could not be started: {error}"
    return f"ended with {process.wait()}"


def _without_keys() -> dict[str, str]:
    """What opens the secrets of users is the server's alone: jobs run below the executor."""
    return {name: value for name, value in os.environ.items() if name != KEYS}


def _is_free(lock: Path) -> bool:
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
