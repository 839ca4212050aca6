"""Pools of nodes that come and go, as a server shows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PoolView:
    """Nodes of one kind that a cluster's autoscaler starts and takes away."""

    name: str
    nodes: int = 0
    """How many are there."""
    most: int = 0
    """How many there may be."""
    asked: int = 0
    """How many more the jobs that wait need."""
    coming: int = 0
    """How many are being started."""
    trouble: str = ""
    """Why nodes of it could not be started of late."""
