"""Watched files as a checkpoint: of which node each is, and where it is put back. Pure.

Every agent sends what the program on its node saved. Where several nodes have saved a file of the
same path, the lowest node's is the one that counts, unless every node has files of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from launcher.model import globs
from launcher.model.checkpoint import FileEntry, Manifest, Watched

OUTSIDE = "_outside"
"""Folder of a checkpoint that holds the files of absolute paths: they are never put back."""


def stored_path(path: str, node: int, *, per_node: bool) -> str:
    """Where a watched file stands in its checkpoint.

    >>> stored_path("out/a.pt", 1, per_node=True), stored_path("/mnt/a.pt", 1, per_node=False)
    ('node-1/out/a.pt', '_outside/mnt/a.pt')
    """
    inside = f"{OUTSIDE}{path}" if path.startswith("/") else path
    return f"{_folder_of(node)}/{inside}" if per_node else inside


def of_node(manifest: Manifest, node: int) -> Manifest:
    """The checkpoint as one node gets it: where nodes have files of their own, only those."""
    if manifest.watched is None or not manifest.watched.per_node:
        return manifest
    folder = f"{_folder_of(node)}/"
    own = [
        replace(entry, path=entry.path[len(folder) :])
        for entry in manifest.files
        if entry.path.startswith(folder)
    ]
    return replace(manifest, files=tuple(own))


def to_put_back(manifest: Manifest, patterns: Iterable[str]) -> list[FileEntry]:
    """Of a node's checkpoint, what belongs into its workdir: within it, and still watched."""
    inside = [pattern for pattern in patterns if not pattern.startswith("/")]
    return [
        entry
        for entry in manifest.files
        if not entry.path.startswith(f"{OUTSIDE}/")
        and any(globs.matches(pattern, entry.path) for pattern in inside)
    ]


def owner_of(manifest: Manifest | None, path: str, nodes: int) -> int | None:
    """Which node sends an unchanged file of its workdir on; None: every node that has it.

    Args:
        manifest: what was put back there; None: the package's own files.
        path: of the file in the checkpoint.
        nodes: of the attempt. Node 0 stands for those that are not there any more.
    """
    watched = manifest.watched if manifest else None
    if watched is None or watched.per_node:
        return None
    owner = watched.owners.get(path, 0)
    return owner if owner < nodes else 0


def without_others(part: Manifest, whole: Manifest | None) -> Manifest:
    """A node's part without the files of which lower nodes have theirs in the whole."""
    if part.watched is None or part.watched.per_node or whole is None or whole.watched is None:
        return part
    node, owners = part.watched.node, whole.watched.owners
    of_lower = {entry.path for entry in whole.files if owners.get(entry.path, 0) < node}
    return replace(part, files=tuple(e for e in part.files if e.path not in of_lower))


def is_repeated(whole: Manifest | None, part: Manifest) -> bool:
    """Whether this part, or a later one of its node, is in the whole already."""
    if whole is None or whole.watched is None or part.watched is None:
        return False
    known = whole.watched.taken.get(str(part.watched.node), 0)
    return whole.attempt == part.attempt and part.watched.number <= known


def merge(whole: Manifest | None, part: Manifest, nodes: int) -> Manifest:
    """The newest state of all nodes, after a part of one of them.

    Args:
        whole: what was committed last, in this attempt or before; None when nothing was.
        part: all that its node has now: a file that it had before and that is not there is gone.
        nodes: of the attempt. Files of nodes beyond them are node 0's, or gone with their node.
    """
    assert part.watched is not None
    node, per_node = part.watched.node, part.watched.per_node
    before = whole.watched if whole and whole.watched else Watched(node, per_node=per_node)
    kept: dict[str, tuple[FileEntry, int]] = {}
    for entry in whole.files if whole and before.per_node == per_node else ():
        owner = before.owners.get(entry.path, 0)
        if owner >= nodes and per_node:
            continue
        owner = owner if owner < nodes else 0
        if owner != node:
            kept[entry.path] = (entry, owner)
    for entry in part.files:
        if entry.path not in kept or kept[entry.path][1] > node:
            kept[entry.path] = (entry, node)
    same_attempt = whole is not None and whole.attempt == part.attempt
    taken = before.taken if same_attempt else {}
    return replace(
        part,
        step=max(whole.step, part.step) if whole and same_attempt else part.step,
        files=tuple(kept[path][0] for path in sorted(kept)),
        watched=Watched(
            node,
            part.watched.number,
            per_node,
            {path: owner for path, (_, owner) in sorted(kept.items()) if owner},
            taken | {str(node): part.watched.number},
        ),
    )


def adds_nothing(whole: Manifest | None, merged: Manifest) -> bool:
    """Whether a part changed no file of the whole, so that there is no checkpoint to make of it."""
    if whole is None or whole.watched is None or merged.watched is None:
        return False
    same = _contents(whole) == _contents(merged)
    return same and (merged.watched.node > 0 or _moment(whole) == _moment(merged))


def _moment(manifest: Manifest) -> tuple[int, int]:
    return manifest.attempt, manifest.step


def _contents(manifest: Manifest) -> dict[str, str]:
    return {entry.path: entry.sha256 for entry in manifest.files}


def _folder_of(node: int) -> str:
    return f"node-{node}"
