"""`checkpoint`: a folder to save into, which counts as a whole or not at all.

The program writes into a draft. When its block ends well, the draft is flushed to the disk, renamed
to `step-NNNNNNNNNN` in one step, and told to the agent, which hashes and ships it. When the block
raises or the process dies, there is no checkpoint: only a draft, which nothing ever resumes from.
"""

from __future__ import annotations

import errno
import operator
import os
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from launcher.train import spool
from launcher.train.notices import warn
from launcher.train.place import attempt, rank
from launcher.train.reports import numbers


@contextmanager
def checkpoint(
    step: int, metrics: Mapping[str, Any] | None = None, sharded: bool = False
) -> Iterator[Path]:
    """Give a folder to save into, as the target of a `with` statement.

    Call it in every rank or in rank 0 only. What rank 0 saves is the checkpoint; other ranks get a
    folder that is thrown away. An exception of the block, also a full disk, is the program's own
    and passes through. If the saved files then cannot be made durable, the program is not
    disturbed: the checkpoint is dropped and stderr says so.

    Outside a job, checkpoints stay in ./checkpoints, or in the folder LAUNCHER_CHECKPOINT_DIR.

    Args:
        step: optimizer steps done; a second checkpoint of a step replaces the first.
        metrics: figures of this checkpoint, for `keep_best`.
        sharded: every rank saves a part, and only all parts together are the checkpoint.

    Raises:
        OSError: the folder cannot be made.
        TypeError: `step` is no whole number.
        ValueError: `step` is negative.
    """
    number = operator.index(step)
    if number < 0:
        raise ValueError(f"the step of a checkpoint is 0 or more, not {number}")
    part = f".rank-{rank()}" if sharded or rank() > 0 else ""
    name = f"step-{number:010d}{part}"
    root = Path(os.environ.get("LAUNCHER_CHECKPOINT_DIR") or "checkpoints").absolute()
    draft = root / f".{name}.{attempt()}.{os.getpid()}.tmp"
    shutil.rmtree(draft, ignore_errors=True)  # left by a dead process that had our number
    draft.mkdir(parents=True)
    try:
        yield draft
        if sharded or rank() == 0:
            saved = {"k": "c", "step": number, "path": name, "sharded": sharded}
            _publish(draft, root / name, {**saved, "metrics": numbers(metrics or {})})
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _publish(draft: Path, final: Path, record: dict[str, Any]) -> None:
    try:
        _flush(draft)
        _replace(draft, final)
        _flush_one(final.parent)
        out = spool.current()
        if out is not None:
            out.append({"t": time.time(), **record})
    except OSError as error:
        warn(f"the checkpoint of step {record['step']} was not kept: {error}")


def _replace(draft: Path, final: Path) -> None:
    """Rename the draft; an older folder of that name steps aside first, and back if that fails."""
    try:
        draft.rename(final)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    else:
        return
    older = draft.with_suffix(".old.tmp")
    final.rename(older)
    try:
        draft.rename(final)
    except OSError:
        older.rename(final)
        raise
    shutil.rmtree(older, ignore_errors=True)


def _flush(folder: Path) -> None:
    """Make a tree durable: its files first, then the folders that name them."""
    for parent, _, files in os.walk(folder, topdown=False, onerror=_raise):
        for name in files:
            file = Path(parent, name)
            if stat.S_ISREG(file.lstat().st_mode):
                _flush_one(file)
        _flush_one(Path(parent))


def _flush_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _raise(error: OSError) -> None:
    raise error
