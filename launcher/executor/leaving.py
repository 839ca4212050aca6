"""A machine that is about to go: how it tells agents and executor, and for whom it waits.

<base>/leaving          one line: why. It counts for a Ray that was there when it was written
<base>/present/<pid>    a process of ours that the machine shall wait for, in the same way

A line of shell can write the first and wait for the second, where launcher is not installed too:
`launcher.clusters._kuberay_hook` has that for pods.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from launcher.executor.folders import spool_base
from launcher.model.harmless import harmless

_SAYS, _PRESENT = "leaving", "present"
_LONGEST = 300
_COARSE_S = 1.0
"""The start of a process is known to that, as is that of the machine."""
_HEAD = "node:__internal_head__"
"""A resource that only Ray's head has."""


def say(why: str) -> None:
    """This machine is about to go: whoever trains here saves, and goes on elsewhere."""
    target = spool_base() / _SAYS
    fresh = target.with_name(f"{_SAYS}.{os.getpid()}")
    fresh.write_text(why + "\n")
    fresh.rename(target)


def take_back() -> bool:
    """It stays after all; False: nobody had said otherwise. Who heard it goes all the same."""
    try:
        (spool_base() / _SAYS).unlink()
    except FileNotFoundError:
        return False
    return True


def present() -> list[int]:
    """The processes of ours that still have to do here."""
    found = (entry.name for entry in (spool_base() / _PRESENT).glob("*"))
    return [int(name) for name in found if name.isdecimal() and Path("/proc", name).exists()]


class Presence:
    """This process, among those that a machine waits for before it goes."""

    def __init__(self) -> None:
        self._entry = spool_base() / _PRESENT / str(os.getpid())
        self._is_here = False

    def set(self, *, here: bool) -> None:
        """Say that it has to do here, or that it has no more."""
        if here == self._is_here:
            return
        self._is_here = here
        if not here:
            self._entry.unlink(missing_ok=True)
            return
        self._entry.parent.mkdir(mode=0o700, exist_ok=True)
        for entry in self._entry.parent.iterdir():  # of those that were killed
            if not Path("/proc", entry.name).exists():
                entry.unlink(missing_ok=True)
        self._entry.touch(mode=0o600)


class Watch:
    """Looks whether this machine said that it goes.

    Args:
        since: what was said before is of another life of the machine; seconds since the epoch.
    """

    def __init__(self, since: float) -> None:
        self._since = since - _COARSE_S

    def look(self) -> str:
        """Why it goes; empty while it stays."""
        try:
            path = spool_base() / _SAYS
            if path.stat().st_mtime < self._since:
                return ""
            lines = path.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        said = harmless(lines[0].strip()) if lines else ""
        return said[:_LONGEST] or "it is about to be stopped"


def started_at(pid: int) -> float:
    """When a process of this machine started, in seconds since the epoch; 0: it is not known."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
        since_boot_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot_s
    return 0.0


def of_nodes(
    nodes: Sequence[Mapping[str, Any]], draining: Mapping[str, int], address: str, why: str
) -> dict[str, str]:
    """Why which nodes are about to go, by id.

    Args:
        nodes: the living ones, as Ray tells of them.
        draining: those that Ray drains, with the time in ms since the epoch at which they end; 0:
            it is not known.
        address: of this machine.
        why: what it says of itself; empty: it stays.
    """
    found = {node: _drained(deadline_ms) for node, deadline_ms in draining.items()}
    here = [node["NodeID"] for node in nodes if why and node["NodeManagerAddress"] == address]
    found |= dict.fromkeys(here, why)
    head = next((node for node in nodes if _HEAD in node["Resources"]), None)
    if head is not None and head["NodeID"] in found:  # what it is the head of goes with it
        words = f"Ray's head {head['NodeManagerHostname']} goes: {found[head['NodeID']]}"
        found = {node["NodeID"]: words for node in nodes} | found
    return found


def _drained(deadline_ms: int) -> str:
    if not deadline_ms:
        return "Ray drains it"
    at = time.strftime("%H:%M:%S", time.gmtime(deadline_ms / 1000))
    return f"Ray drains it, which ends it at {at} UTC"
