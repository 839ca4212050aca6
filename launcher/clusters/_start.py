"""The command line and the environment with which Ray's own processes are started."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

LOOPBACK = "127.0.0.1"
_OBJECT_STORE_BYTES = 80_000_000  # Ray's least is 75 MiB; what agents say to each other is small
_SPARE_WORKERS = 2


def head_command(temp_dir: Path, *options: str) -> list[str]:
    """The command that starts Ray's head on the loopback interface, every port a free one."""
    return ray_command(
        *["--head", "--port=0", f"--node-ip-address={LOOPBACK}", f"--temp-dir={temp_dir}"],
        *["--include-dashboard=false", "--no-monitor", *options],
    )


def ray_command(*options: str) -> list[str]:
    """`ray start` with this interpreter; it begins at a line on its standard input."""
    return [
        *[sys.executable, "-m", "launcher.clusters._head", "start"],
        *["--disable-usage-stats", "--log-color=false", "--include-log-monitor=false"],
        f"--object-store-memory={_OBJECT_STORE_BYTES}",
        *options,
    ]


_FOR_AGENTS = frozenset(
    {"LAUNCHER_SPOOL_ROOT", "LAUNCHER_ENVIRONMENTS_MAX", "LAUNCHER_UNSHIPPED_MAX"}
)
"""What a user says about the nodes' disk, to the agents too."""


def ray_environment(
    outer: Mapping[str, str], *, cpus: int, gpu_ids: tuple[str, ...] = ()
) -> dict[str, str]:
    """The environment of Ray's processes, which agents inherit; without the authentication.

    Ray's settings of the outer environment are left out: a RAY_ADDRESS or a RAY_AUTH_MODE that is
    meant for another cluster must not leak into this one.
    """
    environment = {
        name: value
        for name, value in outer.items()
        if name in _FOR_AGENTS or not name.startswith(("RAY_", "LAUNCHER_", "CUDA_VISIBLE_DEVICES"))
    }
    environment |= {
        "RAY_worker_niceness": "0",  # else all training runs at nice 15
        "RAY_memory_monitor_refresh_ms": "0",  # else Ray kills the agent for its rank's memory
        # It also bounds how many workers Ray starts in advance and keeps: one a CPU of 50 MB each.
        "RAY_worker_maximum_startup_concurrency": str(max(1, min(cpus, _SPARE_WORKERS))),
    }
    if gpu_ids:
        environment |= {
            "CUDA_VISIBLE_DEVICES": ",".join(gpu_ids),
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        }
    return environment
