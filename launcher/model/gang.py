"""Who runs where: the ranks of an attempt on their nodes, numbered as torchrun numbers them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class GangNode:
    """One node of a gang: `ranks` processes, and the GPUs that Ray gave us there."""

    index: int
    address: str
    ranks: int
    gpus: tuple[str, ...] = ()
    interface: str = ""
    """Network interface that owns `address`; empty when unknown."""
    ports: tuple[int, ...] = ()
    """A port reserved for each rank here, where the framework has every rank listen."""


@dataclass(frozen=True)
class Rank:
    """One process of the gang."""

    rank: int
    local_rank: int
    node: GangNode

    @property
    def address(self) -> str:
        """host:port at which this rank listens, of a framework that has every rank listen."""
        return f"{bracketed(self.node.address)}:{self.node.ports[self.local_rank]}"


@dataclass(frozen=True)
class Gang:
    """All ranks of one attempt, and where they meet (node 0).

    `master_port`: where rank 0 listens, or the leader for it.
    """

    job_id: str
    attempt: int
    nodes: tuple[GangNode, ...]
    master_port: int

    @property
    def world_size(self) -> int:
        return sum(node.ranks for node in self.nodes)

    @property
    def master_addr(self) -> str:
        return self.nodes[0].address

    @property
    def meeting_place(self) -> str:
        """host:port of all."""
        return f"{bracketed(self.master_addr)}:{self.master_port}"

    def ranks(self) -> Iterator[Rank]:
        """All ranks; those of node 0 first, so rank 0 is on the node that MASTER_ADDR names."""
        number = 0
        for node in self.nodes:
            for local in range(node.ranks):
                yield Rank(number, local, node)
                number += 1

    def on_node(self, index: int) -> list[Rank]:
        return [rank for rank in self.ranks() if rank.node.index == index]


def bracketed(host: str) -> str:
    """As a host stands before a colon and a port.

    >>> bracketed("10.0.0.1"), bracketed("fd00::1")
    ('10.0.0.1', '[fd00::1]')
    """
    return f"[{host}]" if ":" in host else host
