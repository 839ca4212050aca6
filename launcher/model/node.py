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
