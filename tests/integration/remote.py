"""The server on this machine, Ray and the executor on others: network namespaces."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from stack import Stack

from launcher.clusters.base import RayAddress


class Machines(Protocol):
    """Where Ray runs. `gateway`: the address that this machine has for them."""

    gateway: str
    address: RayAddress

    def on(self, number: int) -> list[str]: ...


class Remote(Stack):
    """The executor is on the machine of Ray's head, where it must be."""

    def __init__(self, folder: Path, machines: Machines) -> None:
        super().__init__(folder, machines, None)  # type: ignore[arg-type]
        self.server.arguments += ["--host", machines.gateway, "--insecure-http"]
        self.executor.prefix = machines.on(0)
        at = self.executor.arguments.index("--token-file")  # no file of ours is there
        del self.executor.arguments[at : at + 2]

    def start_executor(self) -> None:
        self.executor.environment["LAUNCHER_TOKEN"] = self.token
        super().start_executor()
