"""Puts small batches of metric points together, beside everything else."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Collection

from launcher.errors import LauncherError
from launcher.store import Store, jobs

log = logging.getLogger(__name__)

_EVERY_S = 2.0
_ENDED_EVERY = 15
"""Rounds after which what jobs left behind that have ended is put together too."""


async def compact_for_ever(store: Store) -> None:
    for number in itertools.count():
        await asyncio.sleep(_EVERY_S)
        try:
            await asyncio.to_thread(compact, store, number)
        except LauncherError as error:  # a full disk: nothing is lost, and the next time will do
            log.warning("batches of metric points stay apart: %s", error)
        except Exception:
            log.exception("batches of metric points stay apart")


def compact(store: Store, number: int) -> None:
    """A round; the one of number 0 also looks for what lay loose before."""
    compaction = store.metrics.compaction
    if number == 0:
        compaction.find()
    compaction.work()

    def ended(job_ids: Collection[str]) -> Collection[str]:
        with store.read() as tx:
            return set(job_ids) - jobs.living(tx, list(job_ids))

    if number % _ENDED_EVERY == 0:
        compaction.finish(ended)
