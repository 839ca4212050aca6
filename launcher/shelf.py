"""A folder that is filled file by file, by one that may be interrupted and begin again.

It writes down the hash of each file that it puts there. So it knows its own files from others', and
replaces only what it wrote and nobody changed since. A file appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import final

from launcher.download import sha256_of
from launcher.errors import ConflictError, LauncherError
from launcher.model.checkpoint import unsafe_path

_BOOK = ".launcher-archive"
_PARTIAL = ".launcher-partial"


@final
class Shelf:
    """The folder `root`, which holds what belongs to one job.

    Raises:
        ConflictError: the folder holds something else.
    """

    def __init__(self, root: Path, job: str) -> None:
        self.root, self._job = root, job
        self._partial = root / _PARTIAL
        self._written: dict[str, set[str]] = {}
        """Every hash that was written under a name: noted before the file appears."""

    def __enter__(self) -> Shelf:
        book = self.root / _BOOK
        if book.is_file():
            self._read(book)
        elif self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
            raise ConflictError(
                f"{self.root} exists already and is no archive of {self._job}",
                hint="nothing of it was touched; name another folder with --to",
            )
        self.root.mkdir(parents=True, exist_ok=True)
        self._book = book.open("a", encoding="ascii")
        if not self._written and book.stat().st_size == 0:
            self._note({"job": self._job})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._book.close()
        if kind is None:
            shutil.rmtree(self._partial, ignore_errors=True)

    def put(self, name: str, text: str) -> None:
        """A text, in place of the one that was put there before."""
        partial = self._partial_of(name)
        partial.write_bytes(text.encode("utf-8", "replace"))
        self._settle(name, partial, sha256_of(partial))

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """A file, in place of the one that was put there before."""
        partial = self._partial_of(name)
        with partial.open("wb") as file:
            file.writelines(pieces)
        self._settle(name, partial, sha256_of(partial))

    def extend(self, name: str, length: int, pieces: Callable[[int], Iterator[bytes]]) -> None:
        """A file of `length` bytes that only ever grows; what is here of it is not fetched again.

        Args:
            name: path in the folder.
            length: how long it shall be.
            pieces: gives its bytes from an offset on.
        """
        target, partial = self.root / name, self._partial_of(name)
        if target.is_file() and self._is_own(name) and target.stat().st_size <= length:
            if target.stat().st_size == length:
                return
            if not partial.exists():
                shutil.copyfile(target, partial)
        with partial.open("ab") as file:
            for piece in pieces(file.tell()):
                file.write(piece)
        self._settle(name, partial, sha256_of(partial))

    def fetch(self, name: str, sha256: str, fetch: Callable[[Path], object]) -> None:
        """A file with that hash; `fetch` is called with the path to make when it is not here."""
        self._must_be_free(name, sha256)
        target = self.root / name
        if not target.exists():
            partial = self._partial_of(name)
            partial.unlink(missing_ok=True)
            fetch(partial)
            self._move(partial, name, sha256)
        self._remember(name, sha256)

    def unpack(self, name: str, fetch: Callable[[Path], object]) -> None:
        """A folder out of a package of ours; `fetch` makes the package. Once made it stays."""
        from launcher.executor.unpacking import unpack

        target = self.root / name
        if f"{name}/" in self._written and target.is_dir():
            return
        if os.path.lexists(target):
            raise _in_the_way(target)
        package, fresh = self._partial_of(f"{name}.tar"), self._partial_of(name)
        shutil.rmtree(fresh, ignore_errors=True)
        fetch(package)
        fresh.mkdir()
        unpack(package, fresh)
        self._remember(f"{name}/", sha256_of(package))
        fresh.rename(target)

    # --- whose is it ------------------------------------------------------------------------------

    def _settle(self, name: str, partial: Path, sha256: str) -> None:
        self._must_be_free(name, sha256)
        self._move(partial, name, sha256)

    def _move(self, partial: Path, name: str, sha256: str) -> None:
        self._remember(name, sha256)
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(target)

    def _must_be_free(self, name: str, sha256: str) -> None:
        """Nothing is there, or what shall be there; what we wrote and nobody changed goes."""
        target = self.root / name
        if unsafe_path(name):
            raise LauncherError(f"the server names a file outside of the archive: {name!r}")
        if not os.path.lexists(target):
            return
        if not target.is_symlink() and target.is_file():
            found = sha256_of(target)
            if found == sha256:
                return
            if found in self._written.get(name, ()):
                target.unlink()
                return
        raise _in_the_way(target)

    def _is_own(self, name: str) -> bool:
        target = self.root / name
        return not target.is_symlink() and sha256_of(target) in self._written.get(name, ())

    def _partial_of(self, name: str) -> Path:
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:20]
        self._partial.mkdir(exist_ok=True)
        return self._partial / digest

    # --- the book ---------------------------------------------------------------------------------

    def _read(self, book: Path) -> None:
        for line in book.read_text("ascii", errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # torn when we were interrupted: the file is compared by its contents
            if entry.get("job", self._job) != self._job:
                raise ConflictError(
                    f"{self.root} is the archive of job {entry['job']}, not of {self._job}",
                    hint="name another folder with --to",
                )
            if "path" in entry:
                self._written.setdefault(entry["path"], set()).add(entry["sha256"])

    def _remember(self, name: str, sha256: str) -> None:
        known = self._written.setdefault(name, set())
        if sha256 not in known:
            known.add(sha256)
            self._note({"path": name, "sha256": sha256})

    def _note(self, entry: dict[str, str]) -> None:
        self._book.write(json.dumps(entry) + "\n")
        self._book.flush()


def _in_the_way(target: Path) -> ConflictError:
    return ConflictError(
        f"{target} is not what the archive put there",
        hint="it was not touched; move it away, or name another folder with --to",
    )
