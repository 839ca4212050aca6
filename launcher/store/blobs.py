"""Blobs: bytes under the name of their sha256. Checkpoint files and packaged workdirs are blobs."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, Protocol

from launcher.errors import ConflictError, NotFoundError, SpecError
from launcher.store.disk import full_disk_told

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Blobs(Protocol):
    """Where blobs live. All methods take the sha256 in lower-case hex, else raise SpecError."""

    def put(self, sha256: str, chunks: Iterable[bytes]) -> int:
        """Store a blob whole or not at all; gives its size in bytes. Again renews it."""

    def has(self, sha256: str) -> bool: ...

    def renew(self, sha256: str) -> bool:
        """Whether it is here; if so its age begins anew. Who is about to name it asks so."""

    def missing(self, digests: Iterable[str]) -> list[str]:
        """Those that are not here, each once, in their order; the others are renewed."""

    def open(self, sha256: str) -> BinaryIO:
        """The blob for reading. NotFoundError: it is not here."""

    def path(self, sha256: str) -> Path:
        """A local file with the blob's bytes, to be read only. NotFoundError: it is not here."""

    def size(self, sha256: str) -> int:
        """In bytes. NotFoundError: it is not here."""

    def delete(self, sha256: str) -> None:
        """Again is no harm."""

    def older(self, moment: float) -> Iterator[list[str]]:
        """Those that were neither put nor renewed since then, some at a time.

        Args:
            moment: seconds since the epoch, by the clock of the disk; so below.
        """

    def set_aside(self, sha256: str, moment: float) -> bool:
        """Take a blob away, unless it was put or renewed since then. It ends with `clear`."""

    def clear(self, moment: float) -> int:
        """Delete what is set aside, and what was half written and broken off before `moment`.

        Gives the bytes of it.
        """


class FileBlobs:
    """Blobs as files, `ab/cd/abcd…`, that appear complete, by a rename, or not at all.

    A blob's age is that of its file's last change. Several processes may use a root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)

    def put(self, sha256: str, chunks: Iterable[bytes]) -> int:
        """Store a blob; when it is here already, it is renewed and `chunks` is not read.

        Raises:
            ConflictError: the bytes have another digest.
            DiskFullError: they found no room.
        """
        place = self._place(sha256)
        with suppress(FileNotFoundError):
            os.utime(place)
            return place.stat().st_size
        with full_disk_told(self._root, f"blob {sha256[:12]}"):
            temporary = self._receive(sha256, chunks)
            try:
                size = temporary.stat().st_size
                self._publish(temporary, place)
            finally:
                temporary.unlink(missing_ok=True)
        return size

    def has(self, sha256: str) -> bool:
        return self._place(sha256).exists()

    def renew(self, sha256: str) -> bool:
        place = self._place(sha256)
        with suppress(FileNotFoundError):
            os.utime(place)
            place.stat()  # where it still is, and is young: `set_aside` leaves it there
            return True
        return False

    def missing(self, digests: Iterable[str]) -> list[str]:
        return [sha256 for sha256 in dict.fromkeys(digests) if not self.renew(sha256)]

    def open(self, sha256: str) -> BinaryIO:
        return self.path(sha256).open("rb")

    def path(self, sha256: str) -> Path:
        place = self._place(sha256)
        if not place.exists():
            raise NotFoundError(f"no blob {sha256}")
        return place

    def size(self, sha256: str) -> int:
        return self.path(sha256).stat().st_size

    def delete(self, sha256: str) -> None:
        self._place(sha256).unlink(missing_ok=True)

    def older(self, moment: float) -> Iterator[list[str]]:
        for first in self._root.glob("[0-9a-f][0-9a-f]"):
            found = [
                one.name
                for second in first.iterdir()
                for one in os.scandir(second)
                if _SHA256.fullmatch(one.name) and _is_older(one, moment)
            ]
            if found:
                yield found

    def set_aside(self, sha256: str, moment: float) -> bool:
        """Take a blob away, unless it was put or renewed since then.

        It is moved first and looked at then: whoever renews it does so before, which is seen, or
        is told that it is not here.
        """
        place = self._place(sha256)
        aside = self._incoming / f"{sha256}.{uuid.uuid4().hex}"
        try:
            if place.stat().st_mtime >= moment:
                return False
            place.rename(aside)
        except FileNotFoundError:
            return False
        if aside.stat().st_mtime < moment:
            return True
        self._publish(aside, place)
        return False

    def clear(self, moment: float) -> int:
        size = 0
        for one in os.scandir(self._incoming):
            with suppress(FileNotFoundError):  # it arrived, or was put back
                if _is_older(one, moment):
                    size += one.stat().st_size
                    Path(one.path).unlink()
        return size

    def _place(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise SpecError(f"'{sha256}' is not a sha256: 64 hex digits in lower case")
        return self._root / sha256[:2] / sha256[2:4] / sha256

    def _receive(self, sha256: str, chunks: Iterable[bytes]) -> Path:
        """A synced temporary file with exactly the blob's bytes."""
        digest = hashlib.sha256()
        with NamedTemporaryFile(dir=self._incoming, delete=False) as file:
            try:
                for chunk in chunks:
                    digest.update(chunk)
                    file.write(chunk)
                _expect(sha256, digest.hexdigest())
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                Path(file.name).unlink()
                raise
        return Path(file.name)

    def _publish(self, temporary: Path, place: Path) -> None:
        """Give the file its name, durably: folders are synced from the new name up to the root."""
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.rename(place)
        for folder in (place.parent, place.parent.parent, self._root):
            _sync_folder(folder)


def _is_older(file: os.DirEntry[str], moment: float) -> bool:
    try:
        return file.stat().st_mtime < moment
    except FileNotFoundError:
        return False


def _expect(sha256: str, found: str) -> None:
    if found != sha256:
        raise ConflictError(
            f"blob {sha256} arrived with the digest {found}",
            hint="send it again; its file changed or the transfer broke it",
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
