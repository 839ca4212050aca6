"""The environments of this node: each made once, whole or not at all, kept while it is used.

    <spool root>/environments/
      <key>/            one environment; a lock on this folder says who has it (below)
        made.json       there only when the environment is whole: {"folder", "bytes", "at"}
        <random>/       the environment itself, made where it stays: its scripts name their place
      wishes/<digest>   which versions a text of requirements led to
      cache/            uv's own, on the same file system, so that packages are links into it

The lock is shared by whoever uses an environment and exclusive for whoever makes or removes it. The
kernel gives it up when its holder dies, at once, while processes that a dead holder had started may
still write for a moment: so each try to make an environment has a folder of its own, and what was
begun and never finished is removed by the next. A locked folder is also left alone by what cleans
temporary folders by age (systemd-tmpfiles).
"""

from __future__ import annotations

import contextlib
import csv
import ctypes
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

TRUSTED_S = 7 * 86400.0
"""An environment that is older is looked at before it is used: temporary folders are cleaned."""
_POLL_S = 0.1
_MADE = "made.json"
_SHARED, _EXCLUSIVE = fcntl.LOCK_SH | fcntl.LOCK_NB, fcntl.LOCK_EX | fcntl.LOCK_NB


@dataclass(frozen=True)
class Held:
    """An environment that stays as long as `lock` is open."""

    folder: Path
    lock: int
    size: int
    """Bytes on disk, those shared with the cache too."""
    is_new: bool

    def close(self) -> None:
        os.close(self.lock)


@dataclass(frozen=True)
class Made:
    """A whole environment as it is recorded."""

    folder: Path
    size: int
    at: float
    used_at: float


class Environments:
    """Those below one folder, shared by all agents of this user on the machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def hold(self, key: str, make: Callable[[Path], None], wait: Callable[[], None]) -> Held:
        """The environment of this key, made if it is not there.

        Args:
            key: of what it is made; a file name.
            make: puts it into the folder that it is given, which does not exist; or raises.
            wait: called over and over while somebody else makes it; may raise to give up.
        """
        is_new = False
        while True:
            lock = self._open(key)
            try:
                if _lock(lock, _SHARED) and _is_at(lock, self.root / key):
                    made = self.made(key)
                    if made is not None and is_whole(made):
                        os.utime(self.root / key / _MADE)
                        return Held(made.folder, lock, made.size, is_new)
                    if _lock(lock, _EXCLUSIVE) and _is_at(lock, self.root / key):
                        self._make(key, make)
                        is_new = True
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)
            if not is_new:
                wait()
                time.sleep(_POLL_S)

    def made(self, key: str) -> Made | None:
        """What is recorded of a whole environment; None when there is none."""
        record = self.root / key / _MADE
        try:
            known = json.loads(record.read_text("utf-8"))
            folder = self.root / key / str(known["folder"])
            return Made(folder, int(known["bytes"]), float(known["at"]), record.stat().st_mtime)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def names(self) -> list[str]:
        """Keys of all that was made or begun here."""
        others = {"cache", "wishes"}
        return sorted(p.name for p in self.root.iterdir() if p.is_dir() and p.name not in others)

    def remove(self, key: str) -> bool:
        """Remove an environment, whole or half made; False when somebody has it."""
        lock = self._open(key)
        try:
            if not (_lock(lock, _EXCLUSIVE) and _is_at(lock, self.root / key)):
                return False
            (self.root / key / _MADE).unlink(missing_ok=True)
            shutil.rmtree(self.root / key, ignore_errors=True)
            return True
        finally:
            os.close(lock)

    @contextlib.contextmanager
    def using_cache(self) -> Iterator[Path]:
        """The cache, which nobody clears meanwhile."""
        self.cache.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(self.cache, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield self.cache
        finally:
            os.close(lock)

    def clear_cache(self) -> bool:
        """Remove what can be had from an index again; False when somebody uses it."""
        self.cache.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(self.cache, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if not _lock(lock, _EXCLUSIVE):
                return False
            for part in self.cache.iterdir():
                _remove(part)
            return True
        finally:
            os.close(lock)

    def wish(self, digest: str) -> str | None:
        """The versions that requirements of this digest led to here."""
        try:
            return (self.root / "wishes" / digest).read_text("utf-8")
        except OSError:
            return None

    def remember_wish(self, digest: str, lock: str) -> None:
        folder = self.root / "wishes"
        folder.mkdir(mode=0o700, exist_ok=True)
        fresh = folder / f"{digest}.{secrets.token_hex(4)}"
        fresh.write_text(lock, "utf-8")
        fresh.rename(folder / digest)

    def _open(self, key: str) -> int:
        while True:
            (self.root / key).mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # it was removed at this moment
                return os.open(self.root / key, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _make(self, key: str, make: Callable[[Path], None]) -> None:
        home = self.root / key
        for left in home.iterdir():
            _remove(left)
        target = home / secrets.token_hex(4)
        make(target)
        size = disk_use(target)
        _sync(target)  # after a power cut no record says more than the disk has
        record = {"folder": target.name, "bytes": size, "at": time.time()}
        fresh = home / f"{_MADE}.new"
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(home / _MADE)


def is_whole(made: Made) -> bool:
    """Whether an environment is still as it was made, as far as its age gives reason for doubt."""
    if not made.folder.is_dir():
        return False
    young = abs(time.time() - made.at) < TRUSTED_S
    return young or all(path.exists() for path in _installed(made.folder))


def _installed(environment: Path) -> Iterator[Path]:
    """Every file that its packages brought, by their own records."""
    for record in environment.glob("lib*/python*/site-packages/*.dist-info/RECORD"):
        with record.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                if row and not row[0].endswith(".pyc"):
                    yield record.parent.parent / row[0]
    yield environment / "pyvenv.cfg"


def disk_use(folder: Path) -> int:
    """Bytes on disk of all that is below a folder, files with several names once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                found = os.lstat(Path(parent, name))
                if (found.st_dev, found.st_ino) not in seen:
                    seen.add((found.st_dev, found.st_ino))
                    total += found.st_blocks * 512
    return total


def _lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        ctypes.CDLL(None).syncfs(descriptor)
    finally:
        os.close(descriptor)
