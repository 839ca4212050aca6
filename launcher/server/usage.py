"""What a job took in all its attempts: a line for each rank and node, out of its samples."""

from __future__ import annotations

from collections import defaultdict

from launcher.store.samples import Samples, Summary
from launcher.views_measured import NodeUsage, RankUsage

Usage = tuple[tuple[RankUsage, ...], tuple[NodeUsage, ...]]


def of(samples: Samples, job_id: str) -> Usage:
    """By rank, and by node; nothing of those that were not measured."""
    ranks: defaultdict[int, dict[str, Summary]] = defaultdict(dict)
    nodes: defaultdict[int, dict[str, Summary]] = defaultdict(dict)
    for one in samples.summaries(job_id):
        of_rank = one.name.startswith("rank/")
        (ranks if of_rank else nodes)[one.rank][one.name] = one
    return (
        tuple(_rank(rank, ranks[rank]) for rank in sorted(ranks)),
        tuple(_node(node, nodes[node]) for node in sorted(nodes)),
    )


def _rank(rank: int, found: dict[str, Summary]) -> RankUsage:
    cpu, memory = found.get("rank/cpu"), found.get("rank/memory")
    return RankUsage(
        rank, round(cpu.mean, 1) if cpu else None, int(memory.highest) if memory else 0
    )


def _node(node: int, found: dict[str, Summary]) -> NodeUsage:
    cpu = found.get("node/cpu")
    used = [one.mean for name, one in found.items() if name.endswith("/utilization")]
    held = [
        one.highest
        for name, one in found.items()
        if name.startswith("gpu") and name.endswith("/memory")
    ]
    return NodeUsage(
        node,
        round(cpu.mean, 1) if cpu else None,
        round(sum(used) / len(used), 1) if used else None,
        len(used),
        int(max(held, default=0)),
    )
