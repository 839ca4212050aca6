"""Where a backup lies: in one tar file, or in a folder that the next backup brings up to date.

A backup is a list of files with their hashes, the manifest, and what they hold. The manifest comes
last and by a rename: what has none is no backup. A folder keeps contents under their hash, so what
was there before is not copied again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, cast, final

from launcher.errors import ConflictError, LauncherError, NotFoundError, SpecError
from launcher.model import codec
from launcher.model.checkpoint import unsafe_path

MANIFEST = "manifest.json"
FORMAT = 1
_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """A file of the state. `size`: of what is kept of it, which is all unless it has `parts`."""

    name: str
    size: int
    sha256: str
    mode: int = 0o600
    parts: tuple[tuple[int, int], ...] | None = None
    """Offset and size of each stretch that is kept of a file with holes."""
    length: int | None = None
    """Of a file with holes."""


@dataclass(frozen=True)
class Manifest:
    """`made_at`: seconds since the epoch. `database`: in the backup, or kept elsewhere."""

    format: int
    launcher: str
    server_id: str
    made_at: float
    jobs: int
    database: bool
    files: tuple[Entry, ...]
    sizes: dict[str, int] = field(default_factory=dict)


class Writer(Protocol):
    """A backup that is being made. Used in `with`: without `finish` nothing of it counts."""

    def known(self, name: str) -> Entry | None:
        """The file as the backup before has it, whose content is here already."""

    def put(self, name: str, size: int, pieces: Iterable[bytes]) -> str:
        """Take what a file holds, `size` bytes of it; gives their sha256."""

    def finish(self, manifest: Manifest) -> None:
        """All is there: it takes the place of the backup before."""

    def __enter__(self) -> Writer: ...  # noqa: PYI034 - no caller needs to know which

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None: ...


class Reader(Protocol):
    """A backup that is there."""

    manifest: Manifest

    def open(self, entry: Entry) -> IO[bytes]: ...

    def close(self) -> None: ...


# --- one file -------------------------------------------------------------------------------------


@final
class TarWriter:
    """A tar file that appears when it is whole."""

    def __init__(self, target: Path) -> None:
        if target.exists():
            TarReader(target).close()  # else it is somebody's, and stays
        self._target, self._partial = target, target.with_name(f".{target.name}.part")

    def __enter__(self) -> TarWriter:
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self._partial, "wb", opener=_private)
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def known(self, name: str) -> Entry | None:  # noqa: ARG002 - of the protocol
        return None

    def put(self, name: str, size: int, pieces: Iterable[bytes]) -> str:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        content = _Hashed(name, size, pieces)
        self._tar.addfile(info, cast("IO[bytes]", content))  # it is only read
        return content.sha256()

    def finish(self, manifest: Manifest) -> None:
        text = _text(manifest)
        self.put(MANIFEST, len(text), [text])
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._partial.rename(self._target)


class TarReader:
    """A tar file with a manifest.

    Raises:
        SpecError: it is none.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._tar = tarfile.open(path, mode="r:")  # noqa: SIM115 - `close` closes it
        except (tarfile.TarError, OSError) as error:
            raise _no_backup(path) from error
        try:
            # The last of each name counts: one that had to be copied again comes twice.
            self._members = {member.name: member for member in self._tar}
            text = self._tar.extractfile(self._members[MANIFEST])
            self.manifest = _manifest(text.read() if text else b"", path)
        except (tarfile.TarError, KeyError) as error:
            self.close()
            raise _no_backup(path) from error
        except SpecError:
            self.close()
            raise

    def open(self, entry: Entry) -> IO[bytes]:
        found = self._members.get(entry.name)
        opened = self._tar.extractfile(found) if found else None
        if opened is None:
            raise NotFoundError(f"the backup lacks {entry.name}", hint="take an earlier backup")
        return opened

    def close(self) -> None:
        self._tar.close()


# --- a folder -------------------------------------------------------------------------------------


@final
class FolderWriter:
    """A folder with contents under their hash, and a manifest."""

    def __init__(self, root: Path) -> None:
        self._root, self._objects = root, root / "objects"
        self._before: dict[str, Entry] = {}
        if (root / MANIFEST).exists():
            self._before = {entry.name: entry for entry in FolderReader(root).manifest.files}
        elif root.exists() and any(path.name != "objects" for path in root.iterdir()):
            raise ConflictError(
                f"{root} holds something else than a backup",
                hint="name a file in it, as DIR/launcher.tar, or a new folder",
            )

    def __enter__(self) -> FolderWriter:
        self._objects.mkdir(parents=True, exist_ok=True)
        self._root.chmod(0o700)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        for partial in self._objects.glob("*.part"):
            partial.unlink(missing_ok=True)

    def known(self, name: str) -> Entry | None:
        entry = self._before.get(name)
        return entry if entry and _object(self._root, entry.sha256).exists() else None

    def put(self, name: str, size: int, pieces: Iterable[bytes]) -> str:
        content = _Hashed(name, size, pieces)
        partial = self._objects / f"{os.getpid()}.part"
        with open(partial, "wb", opener=_private) as file:
            shutil.copyfileobj(content, file, _BLOCK)
            file.flush()
            os.fsync(file.fileno())
        place = _object(self._root, content.sha256())
        place.parent.mkdir(exist_ok=True)
        partial.rename(place)
        return content.sha256()

    def finish(self, manifest: Manifest) -> None:
        fresh = self._root / f"{MANIFEST}.new"
        with open(fresh, "wb", opener=_private) as file:
            file.write(_text(manifest))
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self._root / MANIFEST)
        kept = {entry.sha256 for entry in manifest.files}
        for path in self._objects.glob("*/*"):
            if path.name not in kept:
                path.unlink()


class FolderReader:
    """A folder with a manifest.

    Raises:
        SpecError: it has none.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            text = (root / MANIFEST).read_bytes()
        except OSError as error:
            raise _no_backup(root) from error
        self.manifest = _manifest(text, root)

    def open(self, entry: Entry) -> IO[bytes]:
        try:
            return _object(self._root, entry.sha256).open("rb")
        except FileNotFoundError as error:
            hint = "take another backup"
            raise NotFoundError(f"the backup lacks {entry.name}", hint=hint) from error

    def close(self) -> None:
        """Nothing is open."""


# --- both -----------------------------------------------------------------------------------------


def writer_at(target: Path) -> TarWriter | FolderWriter:
    """A folder where there is one, or where the name has no ending; else a file.

    Raises:
        ConflictError: the folder holds something else; SpecError: the file is something else.
    """
    is_folder = target.is_dir() or (not target.suffix and not target.exists())
    return FolderWriter(target) if is_folder else TarWriter(target)


def reader_at(path: Path) -> Reader:
    """The backup that lies there.

    Raises:
        NotFoundError: nothing is there; SpecError: it is no backup.
    """
    if not path.exists():
        raise NotFoundError(f"there is no {path}", hint="launcher backup FILE makes one")
    return FolderReader(path) if path.is_dir() else TarReader(path)


def verified(
    reader: Reader, entry: Entry, write: Callable[[bytes], object] = lambda _: None
) -> None:
    """Hand on what a file holds, block by block.

    Raises:
        LauncherError: it is not what was backed up, which shows at the end.
    """
    digest, size = hashlib.sha256(), 0
    with reader.open(entry) as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
            size += len(block)
            write(block)
    if (size, digest.hexdigest()) != (entry.size, entry.sha256):
        raise LauncherError(
            f"the backup is damaged: {entry.name} is not what was backed up",
            hint="nothing was restored; take an earlier backup",
        )


class _Hashed(io.RawIOBase):
    """Pieces as a file of exactly `size` bytes, hashed on their way."""

    def __init__(self, name: str, size: int, pieces: Iterable[bytes]) -> None:
        self._name, self._left = name, size
        self._pieces: Iterator[bytes] = iter(pieces)
        self._rest = b""
        self._digest = hashlib.sha256()

    def read(self, count: int = -1) -> bytes:
        """As many bytes as there are, `count` at most."""
        wanted = self._left if count < 0 else min(count, self._left)
        parts = []
        while wanted:
            self._rest = self._rest or next(self._pieces, b"")
            if not self._rest:
                raise LauncherError(f"{self._name} became shorter while it was read")
            part, self._rest = self._rest[:wanted], self._rest[wanted:]
            wanted -= len(part)
            parts.append(part)
        data = b"".join(parts)
        self._left -= len(data)
        self._digest.update(data)
        return data

    def sha256(self) -> str:
        return self._digest.hexdigest()


def _object(root: Path, sha256: str) -> Path:
    return root / "objects" / sha256[:2] / sha256


def _text(manifest: Manifest) -> bytes:
    return json.dumps(codec.encode(manifest), separators=(",", ":")).encode()


def _manifest(text: bytes, path: Path) -> Manifest:
    try:
        data: Any = json.loads(text)
        found = codec.decode(Manifest, data)
    except ValueError as error:
        raise _no_backup(path) from error
    if found.format != FORMAT:
        raise SpecError(
            f"{path} is a backup of format {found.format}, this version reads {FORMAT}",
            hint=f"restore it with launcher {found.launcher}",
        )
    wrong = next((entry.name for entry in found.files if unsafe_path(entry.name)), None)
    if wrong is not None:
        raise SpecError(f"{path} names a file outside of the state folder: {wrong!r}")
    return found


def _no_backup(path: Path) -> SpecError:
    return SpecError(f"{path} is no backup of launcher's", hint="launcher backup FILE makes one")


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
