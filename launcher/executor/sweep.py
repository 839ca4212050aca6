"""Nothing stays behind: processes of allocations that are over are found by their environment."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from launcher.executor.keeper import own_processes


def sweep_job(job_id: str, living: str) -> list[int]:
    """Kill what earlier allocations of a job left on this machine; returns when it is gone.

    Args:
        job_id: the job.
        living: id of its one allocation that is not over (`LAUNCHER_ALLOCATION` of its ranks).
    """
    prefix = f"LAUNCHER_ALLOCATION={job_id}.".encode()
    own = f"LAUNCHER_ALLOCATION={living}".encode()
    killed: set[int] = set()
    for _ in range(250):
        found = [pid for pid in own_processes() if _belongs(pid, prefix, own)]
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed.update(found)
        if not found:
            break
        time.sleep(0.02)  # the kernel takes its time to end a process
    return sorted(killed)


def _belongs(pid: int, prefix: bytes, own: bytes) -> bool:
    try:
        entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(entry.startswith(prefix) and entry != own for entry in entries)
