"""What a node does: read from /proc and the control group, told as rates since the last look.

The functions take texts as the kernel writes them; `NodeLooker` reads the files. Where a file is
missing (another kernel, a sandbox), what it tells is left out, and nothing else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

SECTOR_BYTES = 512
"""Of /proc/diskstats, whatever the disk's own sectors are."""
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_NOT_DISKS = re.compile(r"(loop|ram|zram|dm-|md|sr|fd|nbd)\d")
"""Those that hold no data of their own: counted, it would count twice."""
_PART = re.compile(r"(?:(?:nvme|mmcblk)\d+(?:n\d+)?p\d+)|(?:(?:sd|hd|vd|xvd)[a-z]+\d+)")


class Totals(NamedTuple):
    """Counters since the machine started. None: the file is not there."""

    busy_s: float | None = None
    """Seconds that all cores worked, together."""
    disk: tuple[int, int] | None = None
    """Bytes read and written."""
    network: tuple[int, int] | None = None
    """Bytes received and sent."""


def busy_seconds(stat: str) -> float | None:
    """CPU time of /proc/stat that was neither idle nor waiting for a disk."""
    for line in stat.splitlines():
        fields = line.split()
        if fields and fields[0] == "cpu":
            # user nice system idle iowait irq softirq steal; guests are in user already
            ticks = [int(field) for field in fields[1:9]]
            return (sum(ticks) - sum(ticks[3:5])) / _TICKS_A_SECOND
    return None


def disk_bytes(diskstats: str) -> tuple[int, int] | None:
    """Bytes that whole disks read and wrote: not their partitions, nor what is made of them."""
    read = written = 0
    for line in diskstats.splitlines():
        fields = line.split()
        if len(fields) < 10 or _NOT_DISKS.match(fields[2]) or _PART.fullmatch(fields[2]):
            continue
        read += int(fields[5]) * SECTOR_BYTES
        written += int(fields[9]) * SECTOR_BYTES
    return read, written


def network_bytes(dev: str, real: Iterable[str] | None = None) -> tuple[int, int]:
    """Bytes that interfaces received and sent.

    Args:
        dev: /proc/net/dev.
        real: names of those that are hardware: what goes through a bridge goes through one of
            them too. None, or none of them there: all but loopback, as in a container.
    """
    found = {}
    for line in dev.splitlines():
        name, colon, numbers = line.partition(":")
        fields = numbers.split()
        if colon and len(fields) >= 9 and name.strip() != "lo":
            found[name.strip()] = (int(fields[0]), int(fields[8]))
    chosen = [found[name] for name in real or () if name in found] or list(found.values())
    return sum(one[0] for one in chosen), sum(one[1] for one in chosen)


def memory_bytes(meminfo: str) -> tuple[int, int] | None:
    """Bytes in use that programs cannot get, and all bytes, of /proc/meminfo."""
    sizes = {}
    for line in meminfo.splitlines():
        name, _, value = line.partition(":")
        if name in {"MemTotal", "MemAvailable"}:
            sizes[name] = int(value.split()[0]) * 1024
    if len(sizes) < 2:
        return None
    return sizes["MemTotal"] - sizes["MemAvailable"], sizes["MemTotal"]


def held_to(limit: str, current: str, stat: str, total: int) -> tuple[int, int] | None:
    """Bytes in use and allowed where a control group allows less than the machine has.

    Args:
        limit: memory.max.
        current: memory.current.
        stat: memory.stat: file pages that nobody used of late are free to take.
        total: bytes of the machine.
    """
    if not limit.strip().isdecimal() or int(limit) >= total or not current.strip().isdecimal():
        return None
    idle = re.search(r"^(?:total_)?inactive_file (\d+)", stat, re.MULTILINE)
    return max(0, int(current) - (int(idle[1]) if idle else 0)), int(limit)


class NodeLooker:
    """Looks at one node again and again; not for two threads at once.

    Args:
        root: where proc and sys are; another one in tests.
        cores: of the machine.
    """

    def __init__(self, root: Path = Path("/"), cores: int | None = None) -> None:
        self._proc, self._sys = root / "proc", root / "sys"
        self._cores = cores or os.cpu_count() or 1
        self._before: tuple[float, Totals] | None = None
        self._memory_total = 0

    def look(self, now: float) -> dict[str, float]:
        """What is so now, and rates since the last look; the first look only begins them.

        Args:
            now: monotonic clock, seconds.
        """
        totals = self._totals()
        before, self._before = self._before, (now, totals)
        values = {} if before is None else self._rates(totals, before[1], now - before[0])
        values |= self._memory(tell_total=before is not None)
        load = self._text(self._proc / "loadavg").split()
        if load:
            values["node/load"] = float(load[0])
        return values

    def _totals(self) -> Totals:
        dev, diskstats = (self._text(self._proc / name) for name in ("net/dev", "diskstats"))
        return Totals(
            busy_seconds(self._text(self._proc / "stat")),
            disk_bytes(diskstats) if diskstats else None,
            network_bytes(dev, self._hardware()) if dev else None,
        )

    def _rates(self, now: Totals, before: Totals, took_s: float) -> dict[str, float]:
        values: dict[str, float] = {}
        if took_s <= 0:
            return values
        if now.busy_s is not None and before.busy_s is not None:
            share = (now.busy_s - before.busy_s) / took_s / self._cores
            values["node/cpu"] = round(min(max(100 * share, 0.0), 100.0), 1)
        for names, new, old in (
            (("node/disk_read", "node/disk_write"), now.disk, before.disk),
            (("node/network_in", "node/network_out"), now.network, before.network),
        ):
            if new is not None and old is not None:
                pairs = zip(names, new, old, strict=True)
                values |= {name: max(round((to - of) / took_s), 0) for name, to, of in pairs}
        return values

    def _memory(self, *, tell_total: bool) -> dict[str, float]:
        known = memory_bytes(self._text(self._proc / "meminfo"))
        if known is None:
            return {}
        group = self._sys / "fs/cgroup"
        limit = self._text(group / "memory.max")
        if limit and limit.strip() != "max":
            current, stat = self._text(group / "memory.current"), self._text(group / "memory.stat")
            known = held_to(limit, current, stat, known[1]) or known
        values: dict[str, float] = {"node/memory": known[0]}
        if tell_total and known[1] != self._memory_total:  # once: it stays as it is
            self._memory_total = known[1]
            values["node/memory_total"] = known[1]
        return values

    def _hardware(self) -> list[str]:
        """Names of the interfaces that are devices."""
        try:
            return [path.name for path in (self._sys / "class/net").iterdir() if _is_device(path)]
        except OSError:
            return []

    def _text(self, path: Path) -> str:
        try:
            return path.read_text(encoding="ascii", errors="replace")
        except OSError:
            return ""


def _is_device(interface: Path) -> bool:
    return (interface / "device").exists()


def free_bytes(folder: Path) -> float:
    """Of the disk of a folder; on a network disk that is gone this may never return."""
    disk = os.statvfs(folder)
    return float(disk.f_bavail * disk.f_frsize)
