"""Two machines made of one: each a network namespace with its own address, host name and /tmp.

    with TwoMachines(tmp_path) as machines:
        machines.address                # of their Ray, of one node each
        machines.on(0)                  # puts a command line onto the first of them
        machines.tmp(1)                 # what the second one has as /tmp

This process is a third machine, with the address `gateway`. `missing()` tells why there can be none
here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import namespaces
from namespaces import Space, Spaces

from launcher.clusters import _start
from launcher.clusters.base import RayAddress

_CPUS = 4
_PORT, _DASHBOARD = 6380, 8265
_RAY_START = ["-m", "ray.scripts.scripts", "start", "--object-store-memory=80000000"]
FOREIGN_PYTHON = Path(sys.prefix) / "ray-head" / "bin" / "python"
"""Of an environment that `make test-apart` makes, with ray[default] and without launcher."""
_START_TIMEOUT_S = 120.0


missing = namespaces.missing


class TwoMachines:
    """Use it in a `with`. On exit all that runs on them is killed.

    Args:
        folder: a new one.
        foreign: somebody else's Ray, with a dashboard, whose python knows nothing of launcher.
    """

    def __init__(self, folder: Path, *, foreign: bool = False) -> None:
        self._is_foreign = foreign
        self._spaces = Spaces(folder)
        self._machines: list[Space] = []
        self.gateway = self._spaces.gateway
        self.address = RayAddress(f"{self._host(0)}:{_PORT}", {"RAY_AUTH_MODE": "disabled"})

    def __enter__(self):
        self._spaces.__enter__()
        try:
            for number in range(2):
                machine = self._spaces.add(self.name(number))
                self._spaces.wire(machine, self._host(number))
                self._machines.append(machine)
            self._start_ray(0, "--head", f"--port={_PORT}", *self._dashboard())
            self._start_ray(1, f"--address={self.address.address}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._spaces.__exit__(*error)

    @property
    def url(self) -> str:
        """Of the dashboard."""
        return f"http://{self._host(0)}:{_DASHBOARD}"

    def name(self, number: int) -> str:
        """Its host name."""
        return f"machine-{number}"

    def tmp(self, number: int) -> Path:
        """The folder that is /tmp there."""
        return self._machines[number].tmp

    def on(self, number: int) -> list[str]:
        """What to put before a command line that shall run there."""
        return self._machines[number].on()

    def _host(self, number: int) -> str:
        return self._spaces.host(number + 2)

    def _dashboard(self) -> list[str]:
        if not self._is_foreign:
            return ["--include-dashboard=false"]
        return ["--dashboard-host=0.0.0.0", f"--dashboard-port={_DASHBOARD}"]

    def _start_ray(self, number: int, *options: str) -> None:
        start_ray(
            self._machines[number],
            f"--node-ip-address={self._host(number)}",
            *options,
            python=str(FOREIGN_PYTHON) if self._is_foreign else None,
        )


def start_ray(machine: Space, *options: str, python: str | None = None) -> None:
    """Start a node of a Ray without tokens on a machine.

    Args:
        machine: where.
        options: of `ray start`.
        python: another Ray than ours.
    """
    options += (f"--num-cpus={_CPUS}",)
    command = [python, *_RAY_START, *options] if python else _start.ray_command(*options)
    with (machine.folder / "ray.log").open("wb") as log:
        subprocess.run(
            [*machine.on(), *command],
            input=b"start\n",
            stdout=log,
            stderr=log,
            cwd="/",
            env={**_start.ray_environment(os.environ, cpus=_CPUS), "RAY_AUTH_MODE": "disabled"},
            timeout=_START_TIMEOUT_S,
            check=True,
        )
