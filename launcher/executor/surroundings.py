"""What every rank finds around it on its node: its environment, the SDK, nothing of Ray."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import struct
from functools import cache
from pathlib import Path

import launcher
from launcher.executor.folders import JobFolder
from launcher.model.launch import Launch
from launcher.model.surroundings import of_rank
from launcher.model.wire import CheckpointRef

_RAY_SETS = frozenset({"OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "PYTHONPATH"})
"""Variables that Ray writes into its workers' environment beside its own RAY_*."""


_ENVIRONMENTS = {"VIRTUAL_ENV": "pyvenv.cfg", "CONDA_PREFIX": "conda-meta"}
"""What each kind of Python environment says of itself when active, and its mark in its folder."""


def node_environment(python: str) -> dict[str, str]:
    """The node's environment without what Ray added to it for its workers.

    The environment of the job's interpreter is active in it, and no other: what a program or a
    shell text calls as `python`, `accelerate` or `pip` is the job's own.

    Args:
        python: path of the interpreter, as it is called: links to it are not followed.
    """
    env = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("RAY_", "LAUNCHER_")) and key not in _RAY_SETS
    }
    folders = env.get("PATH", os.defpath).split(os.pathsep)
    for variable in _ENVIRONMENTS:
        left = f"{env.pop(variable, None)}/bin"
        folders = [folder for folder in folders if folder != left]
    home = Path(python).parent
    for variable, mark in _ENVIRONMENTS.items():
        if (home.parent / mark).exists():
            env[variable] = str(home.parent)
            folders.insert(0, str(home))
    if str(home) not in folders:
        folders.insert(0, str(home))
    return env | {"PATH": os.pathsep.join(folders)}


def rank_environment(
    launch: Launch,
    folder: JobFolder,
    *,
    attempt: int,
    rank: int,
    allocation: str,
    resume: CheckpointRef | None,
) -> dict[str, str]:
    """What `launcher.model.surroundings` gives one rank, on this node.

    Args:
        launch: the job.
        folder: the job's on this node.
        attempt: number of the attempt.
        rank: number of the rank.
        allocation: marks every process of it.
        resume: the checkpoint that is in place.
    """
    return of_rank(
        launch,
        folder=str(folder.path),
        sdk=str(sdk_folder(folder.path.parent)),
        attempt=attempt,
        rank=rank,
        allocation=allocation,
        resume=resume.id if resume else None,
        node_path=os.pathsep.join(_user_path()),
    )


def sdk_folder(root: Path) -> Path:
    """A folder with the part of launcher that training programs may import, and nothing else."""
    source = Path(launcher.__file__).parent
    files = [source / "__init__.py", *sorted((source / "train").glob("*.py"))]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    target = root / f"sdk-{digest}"
    if not target.is_dir():
        fresh = root / f"sdk-{digest}.{os.getpid()}.new"
        (fresh / "launcher" / "train").mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copyfile(file, fresh / "launcher" / file.relative_to(source))
        try:
            fresh.rename(target)
        except OSError:  # another agent of this node was faster
            shutil.rmtree(fresh, ignore_errors=True)
    return target


def _user_path() -> list[str]:
    """PYTHONPATH as it was before Ray put its own folders in front of it."""
    parts = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [part for part in parts if part and "/ray/" not in part]


@cache
def interface_of(address: str) -> str:
    """Name of the network interface that owns an IPv4 address; empty when unknown.

    All of 127.0.0.0/8 is the loopback's, which names one address of it.
    """
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), 0x8915, request)  # SIOCGIFADDR
            except OSError:
                continue
            own = socket.inet_ntoa(answer[20:24])
            if own == address or (own.startswith("127.") and address.startswith("127.")):
                return name
    return ""
