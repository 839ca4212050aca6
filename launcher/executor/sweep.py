"""Nothing stays behind: processes of a job's attempts that are over are found and killed."""

from __future__ import annotations

from pathlib import Path

from launcher.executor.folders import JobFolder
from launcher.executor.keeper import bury, writes_to


def sweep_job(folder: JobFolder, living: str) -> set[int]:
    """Kill what earlier attempts of a job left on this node; returns when it is gone.

    Only for a moment at which no rank of the job shall run on this node.

    Args:
        folder: the job's files on this node: whoever writes to a rank's log there is left over.
        living: id of its one allocation that is not over, which may have other nodes that share
            this machine.

    Returns:
        The process ids of what was killed.
    """
    prefix = f"LAUNCHER_ALLOCATION={folder.job_id}.".encode()
    own = f"LAUNCHER_ALLOCATION={living}".encode()
    return bury(lambda pid: _is_of_another(pid, prefix, own) or writes_to(pid, str(folder.path)))


def sweep_folder(folder: JobFolder) -> set[int]:
    """Kill whatever still writes to a log of a job that is over."""
    return bury(lambda pid: writes_to(pid, str(folder.path)))


def _is_of_another(pid: int, prefix: bytes, own: bytes) -> bool:
    try:
        entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(entry.startswith(prefix) and entry != own for entry in entries)
