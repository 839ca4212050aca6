"""Before a rank starts: the code in its private folder, the checkpoint verified, the rest swept."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from pathlib import Path

from launcher.errors import LauncherError
from launcher.executor.folders import JobFolder
from launcher.executor.unpacking import unpack
from launcher.executor.uplink import Uplink
from launcher.model.checkpoint import FileEntry, Manifest, unsafe_path
from launcher.model.watched import of_node
from launcher.model.wire import CheckpointRef

_BLOCK = 1024 * 1024


class SetupError(LauncherError):
    """The node cannot be prepared, and trying again would not help."""


def place_code(folder: JobFolder, uplink: Uplink, digest: str) -> None:
    """The workdir's private copy, made once for a job on a node and then kept.

    Raises:
        SetupError: the package is not what its digest says, or does not unpack.
        UnreachableError: the server did not answer; try again.
    """
    if folder.work.is_dir():
        return
    if folder.in_place is not None:
        raise SetupError(f"in_place: the folder {folder.in_place} does not exist any more")
    fresh = folder.path / "work.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if digest:
        package = folder.path / "work.tar"
        package.unlink(missing_ok=True)
        uplink.download(digest, package)
        if sha256_of(package) != digest:
            raise SetupError(f"the packaged workdir arrived damaged (sha256 is not {digest[:12]}…)")
        try:
            unpack(package, fresh)
        except (tarfile.TarError, OSError) as error:
            raise SetupError(f"the packaged workdir does not unpack: {error}") from error
        package.unlink()
    fresh.rename(folder.work)


def place_checkpoint(
    folder: JobFolder,
    uplink: Uplink,
    resume: CheckpointRef,
    *,
    node: int = 0,
    beside: CheckpointRef | None = None,
) -> Path:
    """The committed checkpoint in a folder, every file verified by its hash.

    Args:
        folder: the job's.
        uplink: to the server.
        resume: the checkpoint.
        node: index of this one: of files that every node has for itself it gets its own.
        beside: another one that stays in place; the rest go.

    Raises:
        SetupError: a file is not what the manifest says.
        UnreachableError: the server did not answer; try again.
    """
    manifest = of_node(uplink.manifest(resume.id), node)
    target = folder.resume(resume.id)
    if target.is_dir() and _is_intact(target, manifest):
        return target
    for other in target.parent.glob("*"):
        if beside is None or other != folder.resume(beside.id) or beside.id == resume.id:
            shutil.rmtree(other, ignore_errors=True)
    fresh = target.with_name(f"{resume.id}.new")
    fresh.mkdir(mode=0o700, parents=True)
    here = _copies_on_this_node(folder)
    for entry in manifest.files:
        _place_file(fresh, entry, here.get((entry.path, entry.size), []), uplink)
    fresh.rename(target)
    return target


def _place_file(root: Path, entry: FileEntry, copies: list[Path], uplink: Uplink) -> None:
    if unsafe_path(entry.path):
        raise SetupError(f"the checkpoint names a file outside itself: {entry.path!r}")
    path = root / entry.path
    path.parent.mkdir(parents=True, exist_ok=True)
    for copy in copies:
        if copy.is_file() and sha256_of(copy) == entry.sha256:
            shutil.copyfile(copy, path)
            break
    else:
        uplink.download(entry.sha256, path)
    path.chmod(entry.mode)
    if entry.modified:
        os.utime(path, (entry.modified, entry.modified))
    if sha256_of(path) != entry.sha256:
        raise SetupError(f"checkpoint file {entry.path!r} is not what was committed")


def _is_intact(root: Path, manifest: Manifest) -> bool:
    present = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
    return present == {entry.path for entry in manifest.files} and all(
        sha256_of(root / entry.path) == entry.sha256 for entry in manifest.files
    )


def _copies_on_this_node(folder: JobFolder) -> dict[tuple[str, int], list[Path]]:
    """Files of checkpoints that ranks saved here, by path in the checkpoint and size."""
    found: dict[tuple[str, int], list[Path]] = {}
    attempts = folder.path / "attempts"
    saved = [*attempts.glob("*/checkpoints/*"), *attempts.glob("*/watched/*")]
    for root in sorted(saved, reverse=True):
        for path in root.rglob("*"):
            if path.is_file():
                key = (str(path.relative_to(root)), path.stat().st_size)
                found.setdefault(key, []).append(path)
    return found


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
