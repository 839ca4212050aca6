"""Ports that nobody else on the machine takes between now and the rendezvous.

A port is reserved twice over: a lock file in a folder that all users of the machine share keeps
other agents off, whoever's they are; a socket that is bound with SO_REUSEADDR and does not listen
keeps other programs off, while torch's TCPStore and TensorFlow's gRPC server can still bind it.
Both go with the process. Ports lie outside the range from which the kernel gives ephemeral ones.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
from pathlib import Path

from launcher.errors import LauncherError

LOWEST, HIGHEST = 20000, 31999
LOCKS = Path("/tmp/launcher-ports")  # noqa: S108 - shared by all users of the machine, on purpose


class Ports:
    """The ports of one allocation on this node; given back by `close` or the process's end."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._held: list[tuple[int, socket.socket]] = []

    def reserve(self) -> int:
        """A fresh port, never one that this object gave before.

        Raises:
            LauncherError: every port of the range is taken.
        """
        LOCKS.mkdir(exist_ok=True)
        with contextlib.suppress(PermissionError):
            LOCKS.chmod(0o1777)
        highest = min(HIGHEST, _first_ephemeral_port() - 1)
        candidates = list(range(LOWEST, highest + 1))
        random.shuffle(candidates)
        for port in candidates:
            lock = _lock(port)
            if lock is None:
                continue
            bound = _bind(self._host, port)
            if bound is None:
                os.close(lock)
                continue
            self._held.append((lock, bound))
            return port
        raise LauncherError(f"no free port between {LOWEST} and {highest} on {self._host}")

    def close(self) -> None:
        for lock, bound in self._held:
            bound.close()
            os.close(lock)
        self._held.clear()


def _lock(port: int) -> int | None:
    old_mask = os.umask(0)
    try:
        lock = os.open(LOCKS / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        return None
    finally:
        os.umask(old_mask)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _bind(host: str, port: int) -> socket.socket | None:
    """A bound socket that does not listen, or None when somebody else has the port.

    A first socket without SO_REUSEADDR finds listeners and other holders; the kernel would let
    the second one share the port with another SO_REUSEADDR socket.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    probe = socket.socket(family, socket.SOCK_STREAM)
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        with probe:
            probe.bind((host, port))
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        return None
    return bound


def _first_ephemeral_port() -> int:
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
        return int(text.split()[0])
    except (OSError, ValueError, IndexError):
        return 32768
