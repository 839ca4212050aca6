"""By what nodes a cluster could grow, and what its autoscaler says of them. Pure.

A pool is what `ray up` calls a node type and KubeRay a worker group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pool:
    """Nodes of one kind, which an autoscaler starts and takes away. Amounts as of a node."""

    name: str
    resources: dict[str, float]
    """Of each of its nodes."""
    labels: dict[str, str] = field(default_factory=dict)
    most: int = 0
    """How many nodes it may have."""
    more: int = 0
    """How many could come beside those that are there, the coming ones among them."""
    coming: int = 0
    """How many are being started."""
    trouble: str = ""
    """Why nodes of it could not be started of late; empty: nothing is known to keep them away."""


@dataclass(frozen=True)
class Pools:
    """All that a cluster could grow by."""

    pools: tuple[Pool, ...]
    more: int = 0
    """How many nodes could come in all: the cluster has a bound of its own."""
    trouble: str = ""
    """Why nothing at all comes; empty: nothing is known to keep it away."""
    heeds_labels: bool = False
    """Its autoscaler starts nodes by the labels that it is asked for, as Ray's second one does."""

    def within(self, pool: Pool) -> int:
        """How many nodes of one pool could come."""
        return max(min(pool.more, self.more), 0)

    @property
    def can_grow(self) -> bool:
        """Some node could come."""
        return any(self.within(pool) for pool in self.pools)


NO_POOLS = Pools(())
"""Of a cluster that stays as it is."""


@dataclass(frozen=True)
class AskedNode:
    """Nodes that a cluster shall have, as its autoscaler is told: what fills each of them whole."""

    resources: dict[str, float]
    labels: dict[str, str] = field(default_factory=dict)
    """That the node must carry; Ray's first autoscaler does not heed them."""
    count: int = 1


def bundle(resources: Mapping[str, float], *, of_pool: bool) -> dict[str, float]:
    """What fills a node whole, and no smaller one.

    Of a node that is there memory is left out: it is measured, and the autoscaler reckons with what
    the pool promises.

    >>> bundle({"CPU": 4.0, "GPU": 1.0, "memory": 8e9, "object_store_memory": 2e9}, of_pool=False)
    {'CPU': 4.0, 'GPU': 1.0}
    >>> bundle({"memory": 8e9, "object_store_memory": 2e9}, of_pool=True)
    {'memory': 8000000000.0}
    """
    left_out = {"object_store_memory"} if of_pool else {"object_store_memory", "memory"}
    return {name: amount for name, amount in resources.items() if amount and name not in left_out}
