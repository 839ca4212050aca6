"""The links of a job, as `data -> /mnt/imagenet`: checked and made before each attempt."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from launcher.executor.preparing import SetupError


def place_links(work: Path, links: Mapping[str, str], host: str) -> None:
    """Make the links that are not there yet. What the folder holds is never replaced.

    Args:
        work: the job's folder on this node.
        links: path within it -> absolute path on this node.
        host: name of this node, for the words of an error.

    Raises:
        SetupError: a target is not there, or something else stands in the place of a link.
    """
    for name, target in sorted(links.items()):
        fault = _fault_of(target)
        if fault:
            raise SetupError(f"links.{name}: {target} {fault} on {host}")
        place = work / name
        if _is_made(place, target):
            continue
        if os.path.lexists(place) or _leads_through_a_link(work, place):
            raise SetupError(
                f"links.{name}: something of that name is in the job's folder on {host} already"
            )
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)


def _fault_of(target: str) -> str | None:
    try:
        Path(target).stat()
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be reached ({error.strerror})"
    return None


def _is_made(place: Path, target: str) -> bool:
    return place.is_symlink() and str(place.readlink()) == target


def _leads_through_a_link(work: Path, place: Path) -> bool:
    between = place.relative_to(work).parents
    return any((work / part).is_symlink() for part in between)
