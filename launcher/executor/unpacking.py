"""Unpacks a packaged workdir: files, folders and links that stay inside, and nothing else.

tarfile's own `data` filter came with Python 3.10.12 and 3.11.4, and nodes have older ones (Debian
12 has 3.11.2). So the rules stand here, one way for all: what `launcher/spec/packaging.py` writes
is taken, anything else is refused.
"""

from __future__ import annotations

import posixpath
import shutil
import tarfile
from pathlib import Path

from launcher.model.checkpoint import unsafe_path

_EXECUTABLE, _READABLE = 0o755, 0o644


class UnsafePackageError(tarfile.TarError):
    """A member is none that a package of ours has."""


def unpack(package: Path, root: Path) -> None:
    """Put what is in the package into `root`, an empty folder.

    Raises:
        UnsafePackageError: a member could reach outside of `root`.
        tarfile.TarError: it is no tar, or cut short.
        OSError: a file cannot be written.
    """
    with tarfile.open(package) as archive:
        for member in archive:
            _place(archive, member, root)


def _place(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    if unsafe_path(member.name):
        raise UnsafePackageError(f"{member.name!r} lies outside of it")
    target = root / member.name
    if _leads_through_a_link(root, target):
        raise UnsafePackageError(f"{member.name!r} lies behind a link")
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if member.issym():
        _link(member, target)
    elif member.isreg():
        _copy(archive, member, target)
    else:
        raise UnsafePackageError(f"{member.name!r} is neither file, folder nor link")


def _leads_through_a_link(root: Path, target: Path) -> bool:
    between = target.relative_to(root).parents
    return target.is_symlink() or any((root / part).is_symlink() for part in between)


def _link(member: tarfile.TarInfo, target: Path) -> None:
    pointed = posixpath.normpath(posixpath.join(posixpath.dirname(member.name), member.linkname))
    if unsafe_path(pointed) or posixpath.isabs(member.linkname):
        raise UnsafePackageError(f"link {member.name!r} points outside of it")
    target.symlink_to(member.linkname)


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = archive.extractfile(member)
    assert source is not None, "a regular file has contents"
    with source, target.open("xb") as file:
        shutil.copyfileobj(source, file)
    if target.stat().st_size != member.size:
        raise UnsafePackageError(f"{member.name!r} is cut short")
    target.chmod(_EXECUTABLE if member.mode & 0o100 else _READABLE)
