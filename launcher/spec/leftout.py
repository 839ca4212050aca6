"""What was not packaged, weighed: how many files and bytes each rule left out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

MOST_LOOKED_AT = 50_000
"""Files that are counted at most, a fifth of a second's work: data folders may hold millions."""


@dataclass
class LeftOut:
    """All that one rule left out. `reason`: the rule, as `.gitignore: *.pt`; sizes in bytes."""

    reason: str
    paths: list[str] = field(default_factory=list)
    """What the rule names: files, and folders with a slash at the end."""
    files: int = 0
    size: int = 0
    is_at_least: bool = False
    """There is more than was counted."""


def weigh(workdir: Path, left_out: Iterable[tuple[str, str]]) -> list[LeftOut]:
    """What each rule left out, the heaviest first.

    Args:
        workdir: of the package.
        left_out: (path, reason) as the package tells them.
    """
    rules: dict[str, LeftOut] = {}
    room = MOST_LOOKED_AT
    for path, reason in left_out:
        rule = rules.setdefault(reason, LeftOut(reason))
        rule.paths.append(path)
        files, size = _weight(workdir / path, room + 1)
        rule.is_at_least = rule.is_at_least or files > room
        rule.files += min(files, room)
        rule.size += size
        room -= min(files, room)
    return sorted(rules.values(), key=lambda rule: (-rule.size, -rule.files, rule.reason))


def _weight(path: Path, most: int) -> tuple[int, int]:
    """Number of files and their bytes; of more files than `most`, only those."""
    if not path.is_dir() or path.is_symlink():
        return (1, _size(path)) if most else (0, 0)
    files = size = 0
    for folder, _, names in os.walk(path):
        for name in names:
            if files == most:
                return files, size
            files += 1
            size += _size(Path(folder, name))
    return files, size


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
