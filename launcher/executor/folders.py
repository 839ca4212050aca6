"""Where a job's files lie on a node. Nothing else in the executor joins path strings.

What ranks are told of it comes from `launcher.model.surroundings`.

<root>/<job>@<node>/      one job on one node, kept across attempts and allocations
  owner                   locked by the agent that works here
  shipping.json           server and job token, for whoever ships what a dead agent left
  sealed.json             the job's secrets as only the server reads them, to redact that
  work/                   private writable copy of the workdir: the ranks' cwd, unless in place
  resume/<id>/            a committed checkpoint, verified
  originals/              watched files of the package: put back as long as none were committed
  attempts/<n>/           rank-<r>.log, rank-<r>.spool, rank-<r>.error, checkpoints/, watched/; and
                          rank-<r>.setup: of the node whose first rank is r; rank-0.observed and
                          rank-0.observing: what the agent read by itself, and how far;
                          rank-<r>.sampled: what it measured of the node whose first rank is r
<root>/gone-…             such a folder that is being removed
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from launcher.model import surroundings
from launcher.model.observing import STREAM as OBSERVED
from launcher.model.sample import STREAM as SAMPLED

_GONE = "gone-"
_RANK_FILE = re.compile(r"rank-(\d+)\.(log|spool|setup|observed|sampled)")


def jobs_root(server_id: str) -> Path:
    """The folder of all jobs of one server on this node: private, not followed through links."""
    return _below_spool_root("jobs", server_id)


def environments_root() -> Path:
    """The folder of the environments that were made on this node, for the jobs of all servers."""
    return _below_spool_root("environments")


def spool_base() -> Path:
    """The folder of all that is ours on this node, made if need be.

    Raises:
        PermissionError: it is somebody else's.
    """
    chosen = os.environ.get("LAUNCHER_SPOOL_ROOT")
    base = Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"launcher-{os.getuid()}"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    if base.is_symlink() or base.stat().st_uid != os.getuid():
        raise PermissionError(f"{base} belongs to somebody else; set LAUNCHER_SPOOL_ROOT")
    return base


def preloaded_root() -> Path:
    """The folder of the preloaded interpreters of this node, a folder a raylet."""
    return _below_spool_root("preloaded")


def _below_spool_root(*parts: str) -> Path:
    root = spool_base().joinpath(*parts)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return root


def job_folders(root: Path) -> list[JobFolder]:
    """All jobs' folders of a server on this machine."""
    return [JobFolder(path) for path in sorted(root.glob("*@*")) if path.is_dir()]


def clear_gone(root: Path) -> None:
    """Go on with the removals that were broken off."""
    for path in root.glob(f"{_GONE}*"):
        shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class RankFile:
    """A log or spool of one rank in one attempt."""

    attempt: int
    rank: int
    stream: str
    path: Path

    @property
    def holds_records(self) -> bool:
        """Whether it is made of whole lines, none of which is ever given up."""
        return self.stream in {"spool", OBSERVED, SAMPLED}


@dataclass(frozen=True)
class JobFolder:
    """The files of one job on one node."""

    path: Path
    in_place: Path | None = None
    """The user's own folder, when the ranks run in it: nothing of it is ever removed."""

    @classmethod
    def of(cls, root: Path, job_id: str, node_id: str) -> JobFolder:
        """The folder, made if need be. Raylets that share a machine have folders of their own."""
        path = root / f"{job_id}@{node_id[:8]}"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(path)

    @property
    def job_id(self) -> str:
        return self.path.name.partition("@")[0]

    @property
    def work(self) -> Path:
        """The ranks' cwd."""
        return self.in_place or self.path / "work"

    @property
    def shipping(self) -> Path:
        return self.path / "shipping.json"

    @property
    def sealed(self) -> Path:
        return self.path / "sealed.json"

    @property
    def agent_log(self) -> Path:
        return self.path / "agent.log"

    def resume(self, checkpoint_id: int) -> Path:
        return self.path / surroundings.resume_path(checkpoint_id)

    def attempt(self, number: int) -> Path:
        return self.path / surroundings.attempt_path(number)

    def checkpoints(self, attempt: int) -> Path:
        return self.path / surroundings.checkpoints_path(attempt)

    def watched(self, attempt: int) -> Path:
        """Copies of watched files, a folder each."""
        return self.attempt(attempt) / "watched"

    @property
    def originals(self) -> Path:
        """The watched files of the workdir as they were before the first rank started here."""
        return self.path / "originals"

    def log(self, attempt: int, rank: int) -> Path:
        return self.attempt(attempt) / f"rank-{rank}.log"

    def setup_log(self, attempt: int, rank: int) -> Path:
        """What was said while the environment was made; `rank`: the first one of this node."""
        return self.attempt(attempt) / f"rank-{rank}.setup"

    def spool(self, attempt: int, rank: int) -> Path:
        return self.path / surroundings.spool_path(attempt, rank)

    def observed(self, attempt: int, rank: int) -> Path:
        return self.attempt(attempt) / f"rank-{rank}.observed"

    def observing(self, attempt: int, rank: int) -> Path:
        return self.attempt(attempt) / f"rank-{rank}.observing"

    def sampled(self, attempt: int, rank: int) -> Path:
        """What was measured of this node; `rank`: the first one of it."""
        return self.attempt(attempt) / f"rank-{rank}.sampled"

    def error_file(self, attempt: int, rank: int) -> Path:
        return self.path / surroundings.error_path(attempt, rank)

    def rank_files(self) -> Iterator[RankFile]:
        """Every log and spool that lies here, oldest attempt first."""
        folders = [p for p in (self.path / "attempts").glob("*") if p.name.isdigit()]
        for folder in sorted(folders, key=lambda p: int(p.name)):
            for path in sorted(folder.iterdir()):
                match = _RANK_FILE.fullmatch(path.name)
                if match:
                    yield RankFile(int(folder.name), int(match[1]), match[2], path)

    def try_own(self) -> int | None:
        """Lock the folder for this process's life; None when a living agent has it."""
        owner = self.path / "owner"
        while True:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                lock = os.open(owner, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                continue  # the owner before removed the folder at this moment
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                return None
            if _is_at(lock, owner):
                return lock
            os.close(lock)  # it went with the folder of the owner before

    def remove(self) -> None:
        """Renamed first: who is killed over very many files leaves what is clearly nobody's."""
        gone = self.path.with_name(f"{_GONE}{self.path.name.replace('@', '-')}-{os.getpid()}")
        try:
            self.path.rename(gone)
        except OSError:
            gone = self.path
        shutil.rmtree(gone, ignore_errors=True)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
