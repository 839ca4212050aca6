"""A node of a cluster, as its executor reports it and as the API shows it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class NodeReport:
    """A node of the cluster as Ray shows it. Amounts by Ray's resource names, memory in bytes."""

    node_id: str
    host: str
    address: str
    total: dict[str, float]
    free: dict[str, float]
    labels: dict[str, str] = field(default_factory=dict)
    alive: bool = True
    leaving: str = ""
    """Not empty: it is about to go, by what Ray or its machine says; the text tells why."""
    pool: str = ""
    """Of which it is one, where an autoscaler started it."""


@dataclass(frozen=True)
class Drain:
    """Somebody's wish that a node be left: nothing new is placed there."""

    cluster: str
    node: str
    """Its host name, so that it holds for whatever Ray runs there later; or a Ray node id."""
    by: str
    at: float
    """Seconds since the epoch."""
    why: str = ""
    when_idle: bool = False
    """What runs there may end by itself; else it saves at once, and goes on elsewhere."""

    def is_of(self, node: NodeReport) -> bool:
        """Whether that node is meant."""
        return self.node in {node.host, node.node_id}

    @property
    def words(self) -> str:
        """As people read it.

        >>> Drain("lab", "gpu-7", "ada", 0.0, "a new disk").words
        'drained by ada: a new disk'
        """
        return f"drained by {self.by}" + (f": {self.why}" if self.why else "")
