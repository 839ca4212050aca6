"""Brings the files of a job to this machine: verified, there whole or not at all, none replaced."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import urllib.parse
from collections.abc import Iterable
from pathlib import Path

from launcher.errors import ConflictError, LauncherError
from launcher.model.checkpoint import FileEntry, unsafe_path
from launcher.transport import Connection
from launcher.views import OutputView, view

_BLOCK = 1024 * 1024


def download_files(
    connection: Connection, base: str, files: Iterable[FileEntry], target: Path
) -> None:
    """Makes the folder `target` of these files.

    Args:
        connection: to the server.
        base: path on the server under which the files lie.
        files: with the sizes and hashes of their manifest.
        target: must not exist, or be an empty folder.

    Raises:
        ConflictError: something else is there.
        LauncherError: a file came damaged, or cannot be written.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise ConflictError(
            f"{target} exists already", hint="name another folder with --to, or remove it"
        )
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir(parents=True)
        for entry in files:
            _download(connection, f"{base}/{urllib.parse.quote(entry.path)}", entry, partial)
        partial.rename(target)
    except OSError as error:
        raise LauncherError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


class JobFiles:
    """The files of one job on a server.

    Args:
        connection: to the server.
        base: path of the job on the server.
    """

    def __init__(self, connection: Connection, base: str) -> None:
        self._connection, self._base = connection, base

    def outputs(self) -> list[OutputView]:
        """By path, then by rank."""
        data = self._connection.request("GET", f"{self._base}/outputs").json()
        found = [view(OutputView, item) for item in data["outputs"]]
        for output in found:
            if unsafe_path(output.path):
                raise LauncherError(f"the server names a file outside the job: {output.path!r}")
        return found

    def get_output(self, output: OutputView, target: Path) -> bool:
        """Bring an output here as the file `target`; False when it is here already.

        Raises:
            ConflictError: something else is there.
        """
        entry = FileEntry(output.path, output.size, output.sha256, output.mode)
        path = f"outputs/{output.rank}/files/{urllib.parse.quote(output.path)}"
        return self._get(path, entry, target)

    def get_checkpoint_file(self, checkpoint: int, entry: FileEntry, target: Path) -> bool:
        """Bring a file of a checkpoint here; as `get_output`."""
        path = f"checkpoints/{checkpoint}/files/{urllib.parse.quote(entry.path)}"
        return self._get(path, entry, target)

    def get_code(self, target: Path) -> None:
        """Bring the packaged workdir here: a tar file.

        Raises:
            NotFoundError: the job was sent no files.
        """
        path = f"{self._base}/code"
        with self._connection.stream("GET", path) as stream, target.open("wb") as opened:
            for chunk in stream:
                opened.write(chunk)

    def _get(self, path: str, entry: FileEntry, target: Path) -> bool:
        if is_there(target, entry.sha256):
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.partial")
        try:
            _fetch(self._connection, f"{self._base}/{path}", entry, partial)
            partial.rename(target)
        except OSError as error:
            raise LauncherError(f"{target} cannot be written: {error.strerror or error}") from error
        finally:
            partial.unlink(missing_ok=True)
        return True


def is_there(file: Path, sha256: str) -> bool:
    """Whether a file is here with these contents.

    Raises:
        ConflictError: something else is there.
    """
    if not os.path.lexists(file):
        return False
    if file.is_file() and sha256_of(file) == sha256:
        return True
    raise ConflictError(
        f"{file} exists already, with other contents",
        hint="nothing of it was touched; name another folder with --to, or move it away",
    )


def sha256_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _download(connection: Connection, path: str, entry: FileEntry, folder: Path) -> None:
    if unsafe_path(entry.path):
        raise LauncherError(f"the server names a file outside the checkpoint: {entry.path!r}")
    file = folder / entry.path
    file.parent.mkdir(parents=True, exist_ok=True)
    _fetch(connection, path, entry, file)


def _fetch(connection: Connection, path: str, entry: FileEntry, file: Path) -> None:
    """One file, verified."""
    digest = hashlib.sha256()
    with connection.stream("GET", path) as stream, file.open("wb") as opened:
        for chunk in stream:
            digest.update(chunk)
            opened.write(chunk)
    if digest.hexdigest() != entry.sha256:
        raise LauncherError(
            f"{entry.path} came damaged: its sha256 is {digest.hexdigest()}, "
            f"the server says {entry.sha256}",
            hint="try again; if it stays so, the server's copy is damaged",
        )
    file.chmod(entry.mode & 0o777)
