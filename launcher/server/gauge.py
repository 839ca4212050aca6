"""How full the disk of the server's state folder is: said in time, and new work refused at last.

What runs goes on as long as there is any room: its logs and points are taken to the last byte.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from launcher.errors import DiskFullError
from launcher.server.access import CALLER, JOB
from launcher.transport import CLUSTERS, NOTICE
from launcher.units import format_size
from launcher.views import DiskView

_LOW, _FULL = 2 * 2**30, 500 * 2**20
_LARGEST_LOW = 20 * 2**30
_LOOK_EVERY_S = 1.0


class Gauge:
    """Thread-safe; looks at most once a second.

    Args:
        folder: of the server's state.
        clock: monotonic.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._seen: tuple[float, DiskView] | None = None

    def read(self) -> DiskView:
        now = self._clock()
        seen = self._seen
        if seen is None or now - seen[0] >= _LOOK_EVERY_S:
            usage = shutil.disk_usage(self._folder)
            seen = self._seen = (now, judge(usage.free, usage.total))
        return seen[1]

    def expect_room(self, what: str, size: int = 0) -> None:
        """Refuse what would take the last room.

        Args:
            what: shall be kept, in words.
            size: of it, in bytes, where that is known.

        Raises:
            DiskFullError: there is no room for it.
        """
        disk = self.read()
        if disk.free - size < disk.least:
            raise DiskFullError(
                f"no room for {what}: {format_size(disk.free)} free on the disk of {self._folder}, "
                f"and the last {format_size(disk.least)} are for jobs that run",
                hint="launcher prune --older-than 30d --dry-run shows what could go",
            )

    def words(self) -> str:
        """What everyone shall hear of the disk; empty when there is room."""
        disk = self.read()
        if not disk.is_low:
            return ""
        words = f"the server's disk is nearly full: {format_size(disk.free)} free"
        return f"{words}, new jobs are refused" if disk.is_full else words


def judge(free: int, total: int) -> DiskView:
    """A disk is low below a tenth of it (of large ones 20 GiB) or 2 GiB, and full below 500 MiB.

    Of small disks, a fifth and a twentieth at most.
    """
    low = max(min(_LOW, total // 5), min(total // 10, _LARGEST_LOW))
    least = min(_FULL, total // 20)
    return DiskView(free, total, least, is_low=free < low, is_full=free < least)


class Noticing:
    """Lets every answer to who is known carry the words of the gauge, and the clusters."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        services = scope["app"].state.services

        async def send_noticing(message: Message) -> None:
            if message["type"] == "http.response.start" and not {CALLER, JOB}.isdisjoint(scope):
                # Now, not when it was asked: an answer that refuses for lack of room says so too.
                told = {NOTICE: services.gauge.words(), CLUSTERS: services.control.floor.words()}
                headers = MutableHeaders(scope=message)
                for name, words in told.items():
                    if words:
                        headers[name] = words
            await send(message)

        await self._app(scope, receive, send_noticing)
