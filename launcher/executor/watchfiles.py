"""Watched files on the disk: looked at, and copied so that the program is never in our way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from launcher.executor.outputs import find
from launcher.executor.watching import Print, Sight

_CLONE_AT_ONCE = 1 << 26


def look(root: Path, patterns: Iterable[str]) -> Sight:
    """All files that the patterns mean now. Those that vanish meanwhile are not among them.

    Args:
        root: what relative patterns begin at.
        patterns: of `launcher.model.globs`, or absolute.
    """
    files: dict[str, Print] = {}
    matched = set()
    for pattern in patterns:
        for path in _expand(root, pattern):
            print_ = _print_of(root / path)
            if print_ is not None and _can_be_named(path):
                files[path] = print_
                matched.add(pattern)
    return Sight(files, frozenset(matched))


def relative(patterns: Iterable[str]) -> list[str]:
    """Those that mean files of the workdir: the others are never put back."""
    return [pattern for pattern in patterns if not pattern.startswith("/")]


def copy(
    root: Path, paths: Mapping[str, str], target: Path, earlier: Path | None, written: Sequence[str]
) -> None:
    """Copy files into a new folder; what an earlier copy holds unchanged is linked from there.

    Args:
        root: what relative paths begin at.
        paths: path of each file, and its path in the new folder.
        target: the folder.
        earlier: another such folder, if there is one.
        written: those of the files that it does not hold as they are now.

    Raises:
        OSError: a file vanished, or the disk is full.
    """
    target.mkdir(parents=True)
    for path, stored in paths.items():
        place = target / stored
        place.parent.mkdir(parents=True, exist_ok=True)
        if earlier is None or path in written or not _is_copy(earlier / stored, root / path):
            clone(root / path, place)
        else:
            place.hardlink_to(earlier / stored)


def clone(source: Path, target: Path) -> None:
    """A copy of a file, with its times and mode; the file system shares the blocks if it can.

    Raises:
        OSError: it cannot be read, or there is no room.
    """
    with source.open("rb") as read, target.open("xb") as written:
        if not _copy_range(read.fileno(), written.fileno()):
            shutil.copyfileobj(read, written, 1 << 20)
        found = os.fstat(read.fileno())
    target.chmod(found.st_mode & 0o777)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def _copy_range(source: int, target: int) -> bool:
    """In the kernel; False when these file systems cannot, and nothing was copied."""
    copied = 0
    while True:
        try:
            count = os.copy_file_range(source, target, _CLONE_AT_ONCE)
        except OSError:
            if copied:
                raise
            return False
        if count == 0:
            return copied > 0 or os.fstat(source).st_size == 0
        copied += count


def _expand(root: Path, pattern: str) -> list[str]:
    if pattern.startswith("/"):
        return [f"/{path}" for path in find(Path("/"), [pattern.lstrip("/")])]
    return list(find(root, [pattern]))


def _print_of(path: Path) -> Print | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return Print(found.st_ino, found.st_size, found.st_mtime_ns)


def _is_copy(copy: Path, original: Path) -> bool:
    """By size and time: they are set together when a copy is made, of a file at rest."""
    try:
        ours, theirs = copy.stat(), original.stat()
    except OSError:
        return False
    return (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)


def _can_be_named(path: str) -> bool:
    """Whether its name is text: a manifest holds no other."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
