"""Preloaded interpreters of this node: asked for a keeper, and begun for the jobs that follow.

One for each set of interpreter, modules and variables (`preloads.Wanted`), and at most a few; each
lives as long as it is used and the raylet is there (`preloader.py`). Nothing waits for one: where
none is, or it does not answer at once, ranks start cold.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.executor.forking import free_share
from launcher.executor.keepers import Keeper
from launcher.executor.preloads import Wanted
from launcher.units import parse_duration

log = logging.getLogger(__name__)

VARIABLE = "LAUNCHER_PRELOAD"
"""In a node's environment: how long one waits for its next use, as `30m`; `off`: none is begun."""
_SCRIPT = Path(__file__).with_name("preloader.py")
_IDLE_S = 3600.0
_MOST = 3
"""Each takes the memory of its modules, 0.2 to 0.5 GB."""
_ENOUGH = 0.25
"""Of the node's memory must be free for one more."""
_PATIENCE_S = 3.0
_TRIED_S = 3600.0
"""One that could not be made, or that left at once, is not tried again for so long."""
_ROOM, _ENV_ROOM = 4096, 65536
"""Letters of a command line and of an environment that ranks may show as theirs."""


@dataclass(frozen=True)
class Preloaded:
    """Those of one raylet.

    Args:
        folder: private, of this user and this raylet.
        raylet: process id of the raylet.
    """

    folder: Path
    raylet: int

    def keeper(
        self, wanted: Wanted, mark: str, folder: Path, path: Sequence[str], held: Sequence[int]
    ) -> Keeper | None:
        """A keeper that forks ranks with everything imported; None: there is none to be had.

        Args:
            wanted: what they need.
            mark: environment entry that all processes of the allocation carry.
            folder: the job's files on this node.
            path: folders in which their python looks for modules before its own.
            held: descriptors that stay open for as long as the keeper lives.
        """
        stdin, tells = os.pipe2(os.O_CLOEXEC)
        says, stdout = os.pipe2(os.O_CLOEXEC)
        asked = {"mark": mark, "folder": str(folder), "path": list(path)}
        try:
            answer = self._ask(wanted.key, asked, [stdin, stdout, 2, *held])
        except (OSError, ValueError) as error:
            answer = {"refused": str(error)}
        finally:
            os.close(stdin)
            os.close(stdout)
        keeper = Keeper(os.fdopen(tells, "wb"), os.fdopen(says, "rb"))
        if "pid" in answer:
            return keeper
        keeper.give_up()
        log.info("cold start, nothing is preloaded: %s", answer.get("refused"))
        return None

    def _ask(self, key: str, asked: Mapping[str, object], given: list[int]) -> dict[str, object]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, self._place() as here:
            connection.settimeout(_PATIENCE_S)
            connection.connect(f"{here}/{key}.sock")
            os.utime(f"{here}/{key}.lock")
            socket.send_fds(connection, [json.dumps(asked).encode() + b"\n"], given)
            return dict(json.loads(connection.recv(65536)))

    @contextlib.contextmanager
    def _place(self) -> Iterator[str]:
        """The folder in few letters: a socket's path may have 107."""
        descriptor = os.open(self.folder, os.O_PATH | os.O_CLOEXEC)
        try:
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)

    def begin(self, wanted: Wanted) -> None:
        """Have one made, in a process of its own, unless there is one or it is not worth it."""
        idle_s = idle_seconds(os.environ.get(VARIABLE, ""))
        if idle_s is None or self._is_there(wanted.key) or self._has_failed(wanted.key):
            return
        if free_share() < _ENOUGH:
            log.info("nothing is preloaded: little memory is free")
            return
        self._make_room()
        modules = json.dumps(wanted.modules)
        with (self.folder / f"{wanted.key}.log").open("wb") as said:
            subprocess.run(
                [
                    # It has no parent from the start: Ray ends an agent's children with it.
                    *("/bin/sh", "-c", '"$@" &', "sh"),
                    *(wanted.python, str(_SCRIPT), wanted.key, modules),
                    *(str(self.raylet), str(idle_s), "-" * _ROOM),
                ],
                check=False,
                cwd=self.folder,
                env={**wanted.env, "LAUNCHER_ALLOCATION": "-" * _ENV_ROOM},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def _make_room(self) -> None:
        """End those that were not used for longest."""
        there = [lock for lock in self.folder.glob("*.lock") if self._is_there(lock.stem)]
        by_use = sorted(there, key=lambda lock: lock.stat().st_mtime)
        for lock in by_use[: max(0, len(there) + 1 - _MOST)]:
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(lock.read_text("ascii")), signal.SIGTERM)

    def _is_there(self, key: str) -> bool:
        with (self.folder / f"{key}.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def _has_failed(self, key: str) -> bool:
        try:
            said = self.folder / f"{key}.log"
            is_fresh = time.time() - said.stat().st_mtime < _TRIED_S
            return is_fresh and b"\ncannot: " in b"\n" + said.read_bytes()
        except OSError:
            return False


def preloaded_of(root: Path, raylet: int) -> Preloaded:
    """Those of a raylet; what ended raylets left is removed.

    Args:
        root: private folder of all of this machine.
        raylet: process id.
    """
    for left in root.iterdir():
        if left.name.isdigit() and not Path(f"/proc/{left.name}").exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = root / str(raylet)
    folder.mkdir(mode=0o700, exist_ok=True)
    return Preloaded(folder, raylet)


def idle_seconds(text: str) -> float | None:
    """How long one waits for its next use; None: none is begun. An odd text is as none."""
    if text.strip().lower() == "off":
        return None
    try:
        return parse_duration(text) if text.strip() else _IDLE_S
    except ValueError:
        log.warning("%s is %r: write a duration as 30m, or off", VARIABLE, text)
        return _IDLE_S
