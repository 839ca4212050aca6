"""Patterns of paths as shells have them, judged as text: `plots/**/*.png`. Pure.

`*`, `?` and `[…]` stay within one name and never mean one that begins with a dot, unless the
pattern's own begins so; `**` stands for any number of folders. A pattern that means a folder means
all that is in it.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

ANY_DEPTH = "**"


def split(pattern: str) -> tuple[str, ...]:
    """The names that a pattern is made of.

    >>> split("./plots//**/*.png")
    ('plots', '**', '*.png')
    """
    return tuple(part for part in pattern.split("/") if part not in {"", "."})


def fault(pattern: str) -> str | None:
    """Why a pattern cannot stand for paths within a folder, in words; None when it can.

    >>> fault("*.png"), fault("../x"), fault("/tmp/x")
    (None, 'leads out of the folder', 'is absolute')
    """
    if pattern.startswith("/"):
        return "is absolute"
    if ".." in pattern.split("/"):
        return "leads out of the folder"
    return None if split(pattern) else "names nothing"


def names(part: str, name: str) -> bool:
    """Whether one part of a pattern, other than `**`, means one name.

    >>> names("*.png", "loss.png"), names("*", ".cache"), names(".c*", ".cache")
    (True, False, True)
    """
    if name.startswith(".") and not part.startswith("."):
        return False
    return fnmatch.fnmatchcase(name, part)


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern means a path, or a folder above it.

    >>> matches("plots", "plots/a.png"), matches("**/*.png", "a.png"), matches("*.png", "p/a.png")
    (True, True, False)
    """
    return _matches(split(pattern), path.split("/"))


def _matches(parts: Sequence[str], path: Sequence[str]) -> bool:
    if not parts:
        return True  # the pattern means a folder that the path lies in, or the path itself
    if not path:
        return all(part == ANY_DEPTH for part in parts)
    if parts[0] == ANY_DEPTH:
        deeper = not path[0].startswith(".") and _matches(parts, path[1:])
        return deeper or _matches(parts[1:], path)
    return names(parts[0], path[0]) and _matches(parts[1:], path[1:])
