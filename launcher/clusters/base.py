"""The contract of a kind of cluster: make sure that Ray is there, and say how to reach it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class RayAddress:
    """How a driver reaches a Ray cluster."""

    address: str
    """For `ray.init(address=…)`."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that a driver must have before it imports ray: authentication, no usage reports."""

    node_ip: str | None = None
    """Ray's address of this machine; None where the driver may run outside the cluster."""

    temp_dir: Path | None = None
    """Ray's own files on this machine (sockets, process logs); None when they are not ours."""


class Cluster(ABC):
    """A place where Ray runs or can be made to run. All methods may be called again at any time."""

    @abstractmethod
    def ensure(self) -> RayAddress:
        """The living cluster, started first if it is this kind's to start.

        Raises:
            UnreachableError: it does not answer or could not be started; the hint says what next.
        """

    @abstractmethod
    def running(self) -> RayAddress | None:
        """The cluster if it answers now; starts nothing and waits at most two seconds."""

    @abstractmethod
    def stop(self, grace_s: float = 10.0) -> None:
        """End what `ensure` started, however long ago and by whichever process; else do nothing."""
