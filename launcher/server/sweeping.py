"""Files that nobody came to need: they were sent, and what would have named them never came.

An attempt that dies between upload and commit leaves them, a submit that is given up, a server that
is killed before it deletes. What lies there young may be named at any moment, so only age tells
them apart, and whoever is about to name a file renews it (`launcher.store.blobs`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterator

from launcher.server.committing import Committing
from launcher.server.control import Control
from launcher.store import named
from launcher.units import format_size

log = logging.getLogger(__name__)

KEPT_S = 24 * 3600.0
"""From the last word of a file to its end. A longer upload is told what to send again."""
_FIRST_S, _EVERY_S = 600.0, 6 * 3600.0
_AT_ONCE = 100
"""Files of one transaction that writes."""


class Sweeping:
    """Synchronous; called from worker threads."""

    def __init__(self, control: Control, committing: Committing) -> None:
        self._control, self._committing = control, committing

    def sweep(self) -> int:
        """Remove what nothing has named for a day; gives its bytes."""
        blobs = self._control.store.blobs
        moment = time.time() - KEPT_S  # the files' clock is that of the disk, not the control's
        freed = blobs.clear(moment)
        for digests in blobs.older(moment):
            for some in self._unnamed(digests):
                self._set_aside(some, moment)
                freed += blobs.clear(moment)
        if freed:
            log.info("removed files that nothing named for a day (%s)", format_size(freed))
        return freed

    def _unnamed(self, digests: Collection[str]) -> Iterator[list[str]]:
        with self._control.store.read() as tx:
            found = sorted(set(digests) - named.among(tx, digests))
        for start in range(0, len(found), _AT_ONCE):
            yield found[start : start + _AT_ONCE]

    def _set_aside(self, digests: Collection[str], moment: float) -> None:
        # In the turn of commits, and in a transaction that writes: nobody looks whether a file is
        # there and writes the row that names it in between.
        with self._committing.turn, self._control.store.begin() as tx:
            for digest in set(digests) - named.among(tx, digests):
                self._control.store.blobs.set_aside(digest, moment)


async def sweep_for_ever(sweeping: Sweeping) -> None:
    """Soon after a start, then four times a day: it looks at every file."""
    await asyncio.sleep(_FIRST_S)
    while True:
        try:
            await asyncio.to_thread(sweeping.sweep)
        except Exception:  # the next time perhaps
            log.exception("sweeping broke")
        await asyncio.sleep(_EVERY_S)
