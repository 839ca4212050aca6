"""The Ray actor that hosts an agent, shipped by value to nodes where launcher is not installed.

`AgentHost` is pickled whole (cloudpickle), so it uses nothing of this module and imports the
standard library and ray inside its methods. It brings the agent's code along as an archive.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import launcher

_PARTS = ("executor", "frameworks", "model", "train")
_FILES = (
    *("__init__.py", "errors.py", "logbook.py", "names.py"),
    *("transport.py", "trust.py", "units.py"),
)


def agent_code() -> tuple[str, bytes]:
    """Digest and zip archive of everything that an agent imports."""
    root = Path(launcher.__file__).parent
    files = [root / name for name in _FILES]
    for part in _PARTS:
        files.extend(sorted(f for f in (root / part).iterdir() if f.suffix in {".py", ".json"}))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for file in files:
            entry = zipfile.ZipInfo(f"launcher/{file.relative_to(root)}")
            bundle.writestr(entry, file.read_bytes())
    data = archive.getvalue()
    return hashlib.sha256(data).hexdigest()[:16], data


class AgentHost:
    """Lives as long as its agent. A private Ray actor of one allocation, or of one errand."""

    def __init__(self, digest: str, code: bytes) -> None:
        import io
        import os
        import shutil
        import sys
        import tempfile
        import zipfile
        from pathlib import Path

        home = Path(tempfile.gettempdir()) / f"launcher-{os.getuid()}"
        home.mkdir(mode=0o700, exist_ok=True)
        if home.is_symlink() or home.stat().st_uid != os.getuid():
            raise PermissionError(f"{home} belongs to somebody else")
        target = home / "code" / digest
        if not target.is_dir():
            fresh = home / "code" / f"{digest}.{os.getpid()}"
            with zipfile.ZipFile(io.BytesIO(code)) as bundle:
                bundle.extractall(fresh)
            try:
                fresh.rename(target)
            except OSError:  # another agent of this node was faster
                shutil.rmtree(fresh, ignore_errors=True)
        sys.path.insert(0, str(target))
        self._agent: Any = None

    def start(self, config: dict[str, Any]) -> str:
        """Start the agent, once; gives the address of its gang channel."""
        if self._agent is None:
            import os
            import threading

            import ray

            from launcher.executor.agent import Agent, AgentConfig

            context = ray.get_runtime_context()
            self._agent = Agent(
                AgentConfig(
                    **config,
                    node_id=context.get_node_id(),
                    address=ray.util.get_node_ip_address(),
                    gpus=tuple(context.get_accelerator_ids().get("GPU", ())),
                    raylet=os.getppid(),
                )
            )
            threading.Thread(target=self._await_end, name="end", daemon=True).start()
        return str(self._agent.address)

    def ship_rest(self, server_id: str) -> list[str]:
        """Ship what agents left on this node; gives what could not be shipped yet."""
        from launcher.executor.folders import jobs_root
        from launcher.executor.leftovers import ship_leftovers

        return ship_leftovers(jobs_root(server_id))

    def _await_end(self) -> None:
        """Leave with the agent. An executor sees its end, kills this actor and frees the group."""
        import os
        import time

        import ray

        self._agent.finished.wait()
        time.sleep(10.0)  # so that only where no executor is this goes on
        if self._agent.is_leader:
            try:
                group = ray.util.get_placement_group(self._agent.config.allocation)
                ray.util.remove_placement_group(group)
            except Exception:
                pass  # the executor came back and was faster, or the cluster is gone
        os._exit(0)
