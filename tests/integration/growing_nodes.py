"""A Ray cluster with its real autoscaler, which starts real raylets on this machine.

    with GrowingNodes(folder, {"small": pool("small", cpus=2, most=3)}, second=True) as nodes:
        stack = Stack(folder, nodes, view)

Ray's provider for its own tests starts the nodes: raylets on this machine. They leave
after `idle_s` without work. Ray's `AutoscalingCluster` cannot be used: it ends all Ray on the
machine first, and a file that it reads is in no wheel.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from machine import environment, pids, wait_until

from launcher.clusters import _processes
from launcher.clusters._processes import Process
from launcher.clusters.base import RayAddress

_HEAD = "fffffffffffffffffffffffffffffffffffffffffffffffffff00000"
_PROVIDER = "growing_provider.GrowingProvider"
_HEAD_TYPE = "ray.head.default"  # as the provider calls it
_MARK = "LAUNCHER_TEST_GROWING"


def pool(name: str, cpus: int, most: int) -> dict[str, Any]:
    """A pool as a configuration of `ray up` has it, with a label and a resource of its own."""
    resources = {"CPU": cpus, f"pool_{name}": 1}
    return {
        "resources": {**resources, "object_store_memory": 100_000_000},
        "labels": {"pool": name},
        "node_config": {},
        "min_workers": 0,
        "max_workers": most,
    }


class GrowingNodes:
    """Use it in a `with`. The head has no CPU, and is the only node at first.

    Args:
        folder: a new one.
        pools: by name.
        second: Ray's autoscaler v2.
        idle_s: after so long a node without work leaves.
    """

    def __init__(
        self,
        folder: Path,
        pools: Mapping[str, dict[str, Any]],
        *,
        second: bool,
        idle_s: float = 6.0,
    ) -> None:
        self._folder, self._pools, self._idle_s = folder, dict(pools), idle_s
        self._second = second
        self._refuses = folder / "refuses"
        folder.mkdir(parents=True, exist_ok=True)
        self._temp_dir = Path(tempfile.mkdtemp(prefix="g-", dir="/tmp"))  # sockets want short paths
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = int(free.getsockname()[1])
        self.address = RayAddress(f"127.0.0.1:{self._port}", {})

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        _processes.end(self.processes, grace_s=0)
        shutil.rmtree(self._temp_dir, ignore_errors=True)

    def processes(self) -> set[Process]:
        """All of the cluster: what was started with its mark, by whomever."""
        marked = [pid for pid in pids() if environment(pid).get(_MARK) == str(self._temp_dir)]
        found = (_processes.stat(pid) for pid in marked)
        return {one.process for one in found if one is not None}

    def raylets(self) -> int:
        """How many nodes there are beside the head."""
        # A worker that was just forked has its raylet's command line: each counts once.
        return len({_command(one.pid) for one in self.processes() if _is_raylet(one.pid)}) - 1

    def refuse(self, reason: str) -> None:
        """From now on the cloud starts nothing; empty: it does again."""
        if reason:
            self._refuses.write_text(reason)
        else:
            self._refuses.unlink()

    def _start(self) -> None:
        config = self._folder / "autoscaler.json"
        config.write_text(json.dumps(self._config()))
        with (self._folder / "head.log").open("wb") as log:
            started = subprocess.run(
                [
                    sys.executable,
                    *("-m", "ray.scripts.scripts", "start", "--head", "--num-cpus=0"),
                    *("--node-ip-address=127.0.0.1", f"--port={self._port}"),
                    *("--object-store-memory=100000000", "--include-dashboard=false"),
                    *(f"--temp-dir={self._temp_dir}", f"--autoscaling-config={config}"),
                ],
                env={**os.environ, **self._environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                check=False,
                timeout=120,
            )
        assert started.returncode == 0, (self._folder / "head.log").read_text()
        wait_until(lambda: self.raylets() == 0, "the head")

    def _environment(self) -> dict[str, str]:
        return {
            _MARK: str(self._temp_dir),
            "PYTHONPATH": str(Path(__file__).parent),  # of the provider
            "LAUNCHER_TEST_GROWING_REFUSES": str(self._refuses),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_FAKE_CLUSTER": "1",
            "RAY_enable_autoscaler_v2": str(int(self._second)),
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",
            "RAY_OVERRIDE_NODE_ID_FOR_TESTING": _HEAD,
            "RAY_CLOUD_INSTANCE_ID": _HEAD,
            "RAY_NODE_TYPE_NAME": _HEAD_TYPE,
            "RAY_worker_niceness": "0",
        }

    def _config(self) -> dict[str, Any]:
        nothing = ("initialization", "setup", "head_setup", "worker_setup")
        return {
            "cluster_name": "growing",
            "provider": {
                "type": "external",
                "module": _PROVIDER,
                "gcs_address": f"127.0.0.1:{self._port}",
                "head_node_id": _HEAD,
                "launch_multiple": True,
                "disable_node_updaters": True,
                "disable_launch_config_check": True,
                "foreground_node_launch": True,
                "use_node_id_as_ip": True,
                "worker_liveness_check": False,
                "worker_rpc_drain": True,
            },
            "max_workers": sum(one["max_workers"] for one in self._pools.values()),
            "idle_timeout_minutes": self._idle_s / 60.0,
            "upscaling_speed": 100,
            "head_node_type": _HEAD_TYPE,
            "available_node_types": {
                **self._pools,
                _HEAD_TYPE: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            },
            "auth": {},
            "file_mounts": {},
            "cluster_synced_files": [],
            "file_mounts_sync_continuously": False,
            **{f"{name}_commands": [] for name in nothing},
            "head_start_ray_commands": [],
            "worker_start_ray_commands": [],
        }


def _is_raylet(pid: int) -> bool:
    return "/raylet/raylet" in _command(pid).partition("\0")[0]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""
