"""What Ray itself says is there, asked by a driver of its own: beside the executor, not through it.

The tests' process stays free of Ray. Run as a program, this file answers one line for each line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from launcher.clusters.base import RayAddress


class RayView:
    """Use it in a `with`; the driver starts at the first question."""

    def __init__(self, address: RayAddress, log: Path) -> None:
        self._address, self._log = address, log
        self._driver: subprocess.Popen[str] | None = None

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        if self._driver is not None:
            assert self._driver.stdin is not None
            assert self._driver.stdout is not None
            self._driver.stdin.close()
            self._driver.wait(timeout=60)
            self._driver.stdout.close()

    def held(self, namespace: str) -> list[str]:
        """Names of the agents and of the placement groups that are there in a namespace."""
        driver = self._driver = self._driver or self._start()
        assert driver.stdin is not None
        assert driver.stdout is not None
        driver.stdin.write(namespace + "\n")
        driver.stdin.flush()
        for line in driver.stdout:
            if line.startswith("ANSWER "):  # Ray itself writes there too
                return [str(name) for name in json.loads(line.removeprefix("ANSWER "))]
        raise AssertionError(f"the driver ended: {self._log.read_text()}")

    def _start(self) -> subprocess.Popen[str]:
        with self._log.open("w") as log:
            return subprocess.Popen(
                [sys.executable, __file__, self._address.address],
                env={**os.environ, **self._address.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )


def main() -> None:
    import ray

    ray.init(sys.argv[1], namespace="test-view", log_to_driver=False, logging_level="error")
    for line in sys.stdin:
        namespace = line.strip()
        actors = [
            actor["name"]
            for actor in ray.util.list_named_actors(all_namespaces=True)
            if actor["namespace"] == namespace
        ]
        groups = [
            group["name"]
            for group in ray.util.placement_group_table().values()
            if group["state"] != "REMOVED"
        ]
        print("ANSWER", json.dumps(actors + groups), flush=True)


if __name__ == "__main__":
    main()
