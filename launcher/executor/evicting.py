"""Which environments of a node go: those long unused, and the least used over the node's limit."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from launcher.executor.environments import TRUSTED_S, Environments, Made, disk_use
from launcher.units import format_size, parse_size

log = logging.getLogger(__name__)

LIMIT_VARIABLE = "LAUNCHER_ENVIRONMENTS_MAX"
IDLE_S = 14 * 86400.0
_LARGEST_LIMIT = 50 * 2**30
_CACHE_MARK = "launcher-began"


def tidy(environments: Environments) -> None:
    """Remove what the limits say and nobody uses; called after an environment was made."""
    limit = limit_bytes(environments.root)
    made: dict[str, Made] = {}
    for key in environments.names():
        found = environments.made(key)
        if found is not None:
            made[key] = found
        elif environments.remove(key):
            log.info("environment %s was begun and never finished: removed", key)
    for key in too_many(made, limit, time.time()):
        if environments.remove(key):
            log.info("environment %s (%s) removed", key, format_size(made[key].size))
    # An environment's files are links into the cache: only without both is the disk free.
    if disk_use(environments.root) > limit and environments.clear_cache():
        log.info("the cache of environments was cleared: more than %s", format_size(limit))
    _forget_wishes(environments)


def too_many(made: dict[str, Made], limit: int, now: float) -> list[str]:
    """Keys of what shall go, the longest unused first. The newest used one stays in any case."""
    ordered = sorted(made, key=lambda key: made[key].used_at)
    total = sum(one.size for one in made.values())
    going = []
    for key in ordered[:-1]:
        idle = now - made[key].used_at > IDLE_S
        if idle or total > limit:
            going.append(key)
            total -= made[key].size
    return going


def renew_cache(environments: Environments) -> None:
    """Begin a cache anew that is so old that files of it may have been cleaned away."""
    mark = environments.cache / _CACHE_MARK
    with contextlib.suppress(FileNotFoundError):
        if abs(time.time() - mark.stat().st_mtime) < TRUSTED_S:
            return
    if environments.clear_cache():
        mark.touch()


def limit_bytes(folder: Path) -> int:
    """What the environments of a node may take together; by default a quarter of the disk."""
    wanted = os.environ.get(LIMIT_VARIABLE)
    if wanted:
        try:
            return parse_size(wanted)
        except ValueError:
            log.warning("%s=%s is not a size as 20GiB: ignored", LIMIT_VARIABLE, wanted)
    return min(_LARGEST_LIMIT, shutil.disk_usage(folder).total // 4)


def _forget_wishes(environments: Environments, idle_s: float = IDLE_S) -> None:
    for wish in _files(environments.root / "wishes"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - wish.stat().st_mtime > idle_s:
                wish.unlink()


def _files(folder: Path) -> Iterable[Path]:
    return folder.iterdir() if folder.is_dir() else ()
