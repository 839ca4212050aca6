"""Brings a checkpoint to this machine: files verified, the folder there whole or not at all."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import urllib.parse
from collections.abc import Iterable
from pathlib import Path

from launcher.errors import ConflictError, LauncherError
from launcher.model.checkpoint import FileEntry, unsafe_path
from launcher.transport import Connection


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


def _download(connection: Connection, path: str, entry: FileEntry, folder: Path) -> None:
    if unsafe_path(entry.path):
        raise LauncherError(f"the server names a file outside the checkpoint: {entry.path!r}")
    file = folder / entry.path
    file.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with connection.stream("GET", path) as stream, file.open("wb") as opened:
        for chunk in stream:
            digest.update(chunk)
            opened.write(chunk)
    if digest.hexdigest() != entry.sha256:
        raise LauncherError(
            f"{entry.path} came damaged: its sha256 is {digest.hexdigest()}, "
            f"the manifest says {entry.sha256}",
            hint="try again; if it stays so, the server's copy is damaged",
        )
    file.chmod(entry.mode & 0o777)
