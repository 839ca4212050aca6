"""Remembers which package a folder gave, so that an unchanged one is not read and hashed again.

As git does: a file whose name, size, times and inode are what they were is what it was. What was
touched less than two seconds before it was read is not believed, for a clock may stand that long.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from launcher.spec.workdir import Item

_FORMAT = 1
_RACY_NS = 2 * 10**9


def fingerprint(items: Iterable[Item]) -> str:
    """Changes with everything that can change the package of these items."""
    digest = hashlib.sha256(f"{_FORMAT}\n".encode())
    for item in items:
        line = repr((item.path, item.kind, item.size, item.target, item.stamp))
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def recall(workdir: Path, seen: str) -> str | None:
    """sha256 of the package of a folder whose fingerprint is `seen`, if it is remembered."""
    try:
        record = json.loads(_file(workdir).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    same = isinstance(record, dict) and record.get("seen") == seen
    return str(record["sha256"]) if same and "sha256" in record else None


def remember(workdir: Path, seen: str, sha256: str, items: Iterable[Item], begun_ns: int) -> None:
    """Keep what a folder gave; a home that cannot be written to does without.

    Args:
        workdir: the folder.
        seen: its fingerprint.
        sha256: of its package.
        items: what is in it.
        begun_ns: when its listing was begun.
    """
    newest_ns = max((stamp for item in items for stamp in item.stamp[:2]), default=0)
    if newest_ns > begun_ns - _RACY_NS:
        return
    file = _file(workdir)
    fresh = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_text(json.dumps({"seen": seen, "sha256": sha256}), "utf-8")
        fresh.replace(file)


def _file(workdir: Path) -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    name = hashlib.sha256(os.fsencode(os.path.realpath(workdir))).hexdigest()[:32]
    return Path(home, "launcher", "packages", f"{name}.json")
