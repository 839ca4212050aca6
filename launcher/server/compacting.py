"""Puts small batches of metric points together, beside everything else."""

from __future__ import annotations

import asyncio
import logging

from launcher.errors import LauncherError
from launcher.store.compaction import Compaction

log = logging.getLogger(__name__)

_EVERY_S = 2.0


async def compact_for_ever(compaction: Compaction) -> None:
    while True:
        await asyncio.sleep(_EVERY_S)
        try:
            await asyncio.to_thread(compaction.work)
        except LauncherError as error:  # a full disk: nothing is lost, and the next time will do
            log.warning("batches of metric points stay apart: %s", error)
        except Exception:
            log.exception("batches of metric points stay apart")
