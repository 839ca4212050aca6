"""Blobs: bytes under the name of their sha256. Checkpoint files and packaged workdirs are blobs."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, Protocol

from launcher.errors import ConflictError, NotFoundError, SpecError
from launcher.store.disk import full_disk_told

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Blobs(Protocol):
    """Where blobs live. All methods take the sha256 in lower-case hex, else raise SpecError."""

    def put(self, sha256: str, chunks: Iterable[bytes]) -> int:
        """Store a blob whole or not at all; gives its size in bytes. Again is no harm."""

    def has(self, sha256: str) -> bool: ...

    def missing(self, digests: Iterable[str]) -> list[str]:
        """Those that are not here, each once, in their order."""

    def open(self, sha256: str) -> BinaryIO:
        """The blob for reading. NotFoundError: it is not here."""

    def path(self, sha256: str) -> Path:
        """A local file with the blob's bytes, to be read only. NotFoundError: it is not here."""

    def size(self, sha256: str) -> int:
        """In bytes. NotFoundError: it is not here."""

    def delete(self, sha256: str) -> None:
        """Again is no harm."""


class FileBlobs:
    """Blobs as files, `ab/cd/abcd…`, that appear complete, by a rename, or not at all.

    One process writes into a root at a time: what it finds half written when it opens, it removes.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        for stale in self._incoming.iterdir():
            stale.unlink()

    def put(self, sha256: str, chunks: Iterable[bytes]) -> int:
        """Store a blob; when it is here already, `chunks` is not read.

        Raises:
            ConflictError: the bytes have another digest.
            DiskFullError: they found no room.
        """
        place = self._place(sha256)
        if place.exists():
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

    def missing(self, digests: Iterable[str]) -> list[str]:
        return [sha256 for sha256 in dict.fromkeys(digests) if not self.has(sha256)]

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
