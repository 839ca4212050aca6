"""What some nodes have of some resources, and who holds the rest, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from launcher.scheduler import words
from launcher.scheduler.floor import Floor
from launcher.scheduler.state import NodeView, Running

_NODES_SHOWN = 3
_HOLDERS_SHOWN = 3


def free_in_all(floor: Floor, nodes: Sequence[NodeView], name: str) -> float:
    return sum(floor.free.has(node, name) for node in nodes)


def stock(floor: Floor, nodes: Sequence[NodeView], names: Sequence[str]) -> str:
    """Of the resources `names`: `node-a: 2 of 4; bert-x1y2z3 holds 2`."""
    return "; ".join([*_by_node(floor, nodes, names), *_by_holder(floor, nodes, names)])


def _by_node(floor: Floor, nodes: Sequence[NodeView], names: Sequence[str]) -> list[str]:
    def most_first(node: NodeView) -> tuple[list[float], str, str]:
        return [-floor.free.has(node, name) for name in names], node.label, node.node_id

    having = [node for node in nodes if any(node.total.get(name) for name in names)]
    whole = words.bare if len(names) == 1 else words.amount
    texts = []
    for node in sorted(having, key=most_first)[: _NODES_SHOWN + 1]:
        has = {name: words.bare(name, floor.free.has(node, name)) for name in names}
        parts = [f"{has[name]} of {whole(name, node.total.get(name, 0))}" for name in names]
        texts.append(f"{node.label}: {', '.join(parts)}")
    return words.some(texts, _NODES_SHOWN, "node", of=len(having))


def _by_holder(floor: Floor, nodes: Sequence[NodeView], names: Sequence[str]) -> list[str]:
    ids = {node.node_id for node in nodes}
    held: dict[str, dict[str, float]] = {}
    for job in floor.holders.values():
        before = held.get(job.job_id, {})  # its last allocation may still be on its way back
        held[job.job_id] = _held(job, ids, names, before)
    holders = [job_id for job_id in held if any(held[job_id].values())]
    holders.sort(key=lambda job_id: ([-has for has in held[job_id].values()], job_id))
    shown = holders[: _HOLDERS_SHOWN + 1]
    texts = [f"{job_id} holds {_amounts(held[job_id])}" for job_id in shown]
    strange = {}
    for name in names:
        used = sum(node.total.get(name, 0) - floor.free.has(node, name) for node in nodes)
        strange[name] = max(round(used - sum(has[name] for has in held.values()), 4), 0)
    others = [f"others on the cluster hold {_amounts(strange)}"] if any(strange.values()) else []
    return [*words.some(texts, _HOLDERS_SHOWN, "job", of=len(holders)), *others]


def _held(
    job: Running, nodes: set[str], names: Sequence[str], before: Mapping[str, float]
) -> dict[str, float]:
    held = job.held(sum(workers for node_id, workers in job.workers_by_node if node_id in nodes))
    return {name: before.get(name, 0) + held.get(name, 0) for name in names}


def _amounts(values: Mapping[str, float]) -> str:
    """Without units where there is but one resource: the words before have told it."""
    if len(values) == 1:
        return "".join(words.bare(name, value) for name, value in values.items())
    return words.amounts({name: value for name, value in values.items() if value})
