"""How many CPUs this process may use: its affinity, and the quota of its control group."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available_cpus() -> int:
    """Whole CPUs, at least one."""
    allowed = len(os.sched_getaffinity(0))
    return max(1, math.floor(min(allowed, _quota())))


def parse_cpu_max(text: str) -> float:
    """CPUs that the control group (version 2) may use; infinite without a quota.

    >>> parse_cpu_max("150000 100000"), parse_cpu_max("max 100000")
    (1.5, inf)
    """
    quota, period = text.split()
    return math.inf if quota == "max" else int(quota) / int(period)


def parse_cfs_quota(quota: str, period: str) -> float:
    """The same of version 1, where a negative quota is none.

    >>> parse_cfs_quota("200000", "100000"), parse_cfs_quota("-1", "100000")
    (2.0, inf)
    """
    return math.inf if int(quota) <= 0 else int(quota) / int(period)


def _quota() -> float:
    # A container sees its own group at the root, and there is no quota on the root of a machine.
    # Under systemd a quota may also stand on a slice in between, hence each parent in turn.
    with contextlib.suppress(OSError, ValueError):
        folder = _CGROUP / _own_group().lstrip("/")
        groups = [folder, *folder.parents]
        return min(_quota_of(group) for group in groups if group.is_relative_to(_CGROUP))
    return math.inf


def _own_group() -> str:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return line.removeprefix("0::")
    return "/"


def _quota_of(group: Path) -> float:
    with contextlib.suppress(OSError, ValueError):
        return parse_cpu_max((group / "cpu.max").read_text())
    with contextlib.suppress(OSError, ValueError):
        folder = group / "cpu"
        return parse_cfs_quota(
            (folder / "cpu.cfs_quota_us").read_text(), (folder / "cpu.cfs_period_us").read_text()
        )
    return math.inf
