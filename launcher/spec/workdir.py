"""Lists what of a workdir is to be packaged; opens nothing but ignore files."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal

from launcher.errors import SpecError
from launcher.spec.ignore import Ignored

MAX_FILES = 100_000


@dataclass(frozen=True)
class Item:
    """A thing to be packaged, named relative to the workdir."""

    path: str
    kind: Literal["file", "link", "empty folder"]
    size: int = 0
    target: str = ""
    """Of a link: what it points to, relative to its own folder."""
    stamp: tuple[int, ...] = ()
    """Of a file: times of change of contents and of inode in ns, inode, whether it can be run."""


@dataclass
class Listing:
    """A workdir as it was found."""

    items: list[Item] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def total_bytes(self) -> int:
        return sum(item.size for item in self.items)


def list_workdir(workdir: Path, links: Collection[str] = ()) -> Listing:
    """Everything that a package of the workdir holds, sorted by name, byte by byte.

    Args:
        workdir: what is listed.
        links: paths in it where the nodes will have links of the spec. A symlink there is left out;
            anything else that would be packaged is complained about.

    Raises:
        SpecError: far too many files, as when the workdir is a home folder by mistake.
    """
    listing = Listing()
    workdir = Path(os.path.realpath(workdir))
    walk = _Walk(workdir, Ignored(workdir), listing, frozenset(links))
    for item in walk.folder(workdir, ""):
        listing.items.append(item)
        if len(listing.items) > MAX_FILES:
            raise SpecError(
                f"workdir {workdir} holds more than {MAX_FILES:,} files",
                hint="set workdir to the program's own folder, or name data in .launcherignore",
            )
    listing.items.sort(key=lambda item: os.fsencode(item.path))
    _leave_out_loose_links(listing, workdir)
    listing.complaints += _below_files(listing, links)
    listing.left_out.sort()
    return listing


class _Walk:
    def __init__(
        self, workdir: Path, ignored: Ignored, listing: Listing, links: frozenset[str]
    ) -> None:
        self._workdir = workdir
        self._ignored = ignored
        self._listing = listing
        self._links = links

    def folder(self, folder: Path, relative: str) -> Iterator[Item]:
        """The items in a folder; `relative` ends with a slash unless it is empty."""
        try:
            with os.scandir(folder) as scan:
                entries = list(scan)
            self._ignored.enter(folder, relative)
        except FileNotFoundError:
            return  # it went since its parent was listed
        except OSError as error:
            self._listing.complaints.append(unreadable(relative or ".", error))
            return
        if not entries and relative:
            yield Item(relative.rstrip("/"), "empty folder")
        for entry in entries:
            yield from self._entry(entry, f"{relative}{entry.name}")

    def _entry(self, entry: os.DirEntry[str], path: str) -> Iterator[Item]:
        is_folder = entry.is_dir(follow_symlinks=False)
        reason = self._ignored.reason(path, folder=Path(entry.path) if is_folder else None)
        if reason:
            self._listing.left_out.append((f"{path}/" if is_folder else path, reason))
        elif path in self._links:
            self._in_the_way(entry, path, "/" * is_folder)
        elif is_folder:
            yield from self.folder(Path(entry.path), f"{path}/")
        elif entry.is_symlink():
            yield from self._link(entry, path)
        else:
            yield from self._file(entry, path)

    def _file(self, entry: os.DirEntry[str], path: str) -> Iterator[Item]:
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISREG(found.st_mode):
            can_run = found.st_mode & 0o100
            stamp = (found.st_mtime_ns, found.st_ctime_ns, found.st_ino, can_run)
            yield Item(path, "file", found.st_size, stamp=stamp)
        else:
            self._listing.left_out.append((path, "neither a file nor a folder"))

    def _in_the_way(self, entry: os.DirEntry[str], path: str, slash: str) -> None:
        """Of a link that the spec wants there."""
        if entry.is_symlink():
            self._listing.left_out.append((path, f"links.{path} of the spec takes its place"))
        else:
            self._listing.complaints.append(
                f"{path}{slash}: stands where links.{path} shall be; "
                f"rename one of them, or add /{path}{slash} to .launcherignore"
            )

    def _link(self, entry: os.DirEntry[str], path: str) -> Iterator[Item]:
        written, target = str(Path(entry.path).readlink()), Path(os.path.realpath(entry.path))
        is_outside = not target.is_relative_to(self._workdir)
        if is_outside and (target / "pyvenv.cfg").is_file():
            self._listing.left_out.append((path, "virtual environment"))
        elif is_outside:
            self._listing.complaints.append(
                f"{path}: a symlink to {written}, out of the workdir; write links: "
                f"{{{path}: {target}}} in the spec, or add /{path} to .launcherignore"
            )
        elif not target.exists():
            self._listing.left_out.append((path, f"a symlink to {written}, which does not exist"))
        else:
            yield Item(path, "link", target=_from_within(path, written, entry, target))


def unreadable(path: str, error: OSError) -> str:
    return (
        f"{path}: cannot be read: {error.strerror}; make it readable or add it to .launcherignore"
    )


def _from_within(path: str, written: str, entry: os.DirEntry[str], target: Path) -> str:
    """A link's target as it must be written to hold wherever the workdir is unpacked."""
    inside = PurePath(os.path.normpath(PurePath(path).parent / written))
    if not inside.is_absolute() and inside.parts[:1] != ("..",):
        return written
    return os.path.relpath(target, Path(entry.path).parent)


def _below_files(listing: Listing, links: Collection[str]) -> list[str]:
    """Links of the spec whose folder is a file or a link of the package."""
    kinds = {item.path: item.kind for item in listing.items}
    return [
        f"{above}: stands where the folder of links.{name} shall be; rename one of them"
        for name in links
        for above in map(str, PurePath(name).parents)
        if kinds.get(above) in {"file", "link"}
    ]


def _leave_out_loose_links(listing: Listing, workdir: Path) -> None:
    """Links whose target was left out would point to nothing on the nodes."""
    sent = {"."}
    for item in listing.items:
        sent.update((item.path, *(parent.as_posix() for parent in PurePath(item.path).parents)))
    kept = []
    for item in listing.items:
        if item.kind == "link" and _real(item.path, workdir) not in sent:
            listing.left_out.append((item.path, f"a symlink to {item.target}, which is left out"))
        else:
            kept.append(item)
    listing.items = kept


def _real(path: str, workdir: Path) -> str:
    """What a link leads to in the end, relative to the workdir."""
    return os.path.relpath(os.path.realpath(workdir / path), workdir)
