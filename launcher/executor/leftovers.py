"""What dead agents left on a node is shipped by the next agent or executor there, then removed."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

from launcher.errors import LauncherError, NotFoundError, UnauthorizedError
from launcher.executor.folders import JobFolder, clear_gone, job_folders
from launcher.executor.observation import unfinished
from launcher.executor.secrecy import redaction
from launcher.executor.shipping import Shipper
from launcher.executor.sweep import sweep_folder
from launcher.executor.uplink import Uplink
from launcher.logbook import about

log = logging.getLogger(__name__)


def ship_leftovers(root: Path) -> list[str]:
    """Ship and clear every job folder below `root` that no living agent owns.

    Gives the names of those of which something may be left to ship.

    The folder of a job that goes on is shipped and kept: its next attempt here uses it. One whose
    server does not answer, or does not know the job, is kept too: nothing is lost by waiting.
    """
    clear_gone(root)
    left: list[str] = []
    for folder in job_folders(root):
        lock = folder.try_own()
        if lock is None:
            left.append(folder.path.name)
            continue
        try:
            _ship(folder)
        except (LauncherError, OSError, ValueError, KeyError) as error:
            left.append(folder.path.name)
            log.info("%s is left for later: %s", folder.path.name, error, extra=_about(folder))
        finally:
            os.close(lock)
    return left


def _observe_rest(folder: JobFolder, *, is_over: bool) -> None:
    """Read what a dead agent did not: the next one closes it, when the job has not ended."""
    for one in unfinished(folder, log.info):
        if is_over:
            one.close()
        while one.look():
            pass
        one.abandon()


def _ship(folder: JobFolder) -> None:
    if not folder.shipping.exists():
        return  # an agent is just making it
    known = json.loads(folder.shipping.read_text())
    uplink = Uplink(known["server"], known["token"])
    try:
        is_over = uplink.is_job_over()
        shipper = Shipper(folder, redaction=redaction(folder, uplink))
        _observe_rest(folder, is_over=is_over)
        if is_over:
            shipper.ended = sys.maxsize
        while shipper.ship(uplink):
            pass
    except (NotFoundError, UnauthorizedError) as error:
        words = "%s: the server does not know this job any more: %s"
        log.warning(words, folder.path, error, extra=_about(folder))
        return
    finally:
        uplink.close()
    if is_over:
        sweep_folder(folder)
        folder.remove()
        log.info("%s: shipped and removed", folder.path.name, extra=_about(folder))


def _about(folder: JobFolder) -> dict[str, object]:
    return about(folder.path.name.partition("@")[0])
