"""Has each attached Kubernetes looked after, by a task of its own: a slow one delays no other."""

from __future__ import annotations

import asyncio
import logging

from launcher.errors import LauncherError
from launcher.server.control import Control
from launcher.server.notify import OWN_CLUSTERS
from launcher.server.own_clusters import OwnClusters

log = logging.getLogger(__name__)

LOOK_EVERY_S, AT_LEAST_S = 1.0, 0.1


async def keep_own_clusters(own: OwnClusters, control: Control) -> None:
    """Look after those that are attached, for ever."""
    kept: dict[str, asyncio.Task[None]] = {}
    with control.notifier.listen(OWN_CLUSTERS) as changes:
        try:
            while True:
                attached = {at.name for at in control.books.own.all_attached()}
                for name in attached - kept.keys():
                    kept[name] = asyncio.create_task(_keep(own, control, name))
                for name in kept.keys() - attached:
                    await _end([kept.pop(name)])
                    await asyncio.to_thread(own.forget, name)
                await asyncio.sleep(AT_LEAST_S)
                await changes.wait(LOOK_EVERY_S)
        finally:
            await _end(list(kept.values()))
            own.close()


async def _keep(own: OwnClusters, control: Control, name: str) -> None:
    with control.notifier.listen(OWN_CLUSTERS) as changes:
        while True:
            try:
                await asyncio.to_thread(own.look, name)
            except LauncherError as error:
                log.warning("cluster %s: %s", name, error)
            except Exception:  # the loop outlives any one cluster's trouble
                log.exception("looking after the jobs on cluster %s broke", name)
            await asyncio.sleep(AT_LEAST_S)
            await changes.wait(LOOK_EVERY_S)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
