"""Gangs that could not run even if nothing else did: told at submit, and by a job that waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from launcher.model.job import Resources
from launcher.scheduler import words
from launcher.scheduler.place import has_place, lacking
from launcher.scheduler.prospect import Prospect, could_come, is_there
from launcher.scheduler.room import Room, accelerators, matches
from launcher.scheduler.state import ANY, ClusterView, NodeView


@dataclass(frozen=True)
class Misfit:
    """Why a gang can never run: the message and the hint of the error for its user."""

    message: str
    hint: str

    def __str__(self) -> str:
        return self.message


def could_hold(resources: Resources, nodes: Iterable[NodeView]) -> bool:
    """True when the gang has a place on the nodes as long as nothing else runs on them."""
    return has_place(resources, Room.whole(nodes))


def would_hold(resources: Resources, view: ClusterView) -> bool:
    """True when the gang has a place on the cluster if nothing else runs there and it grows."""
    whole = Room.whole(view.nodes)
    if has_place(resources, whole):
        return True
    if not view.pools.can_grow:
        return False
    return Prospect(view.name, whole.frame, view.pools).holds(resources.smallest, whole)


def never_fits(
    resources: Resources, clusters: Iterable[ClusterView], cluster: str
) -> Misfit | None:
    """Why the gang can never run as the clusters are now; None when it can, or may.

    It may when a cluster has not reported a node yet, and when one that is silent was large enough.

    Args:
        resources: of the gang.
        clusters: all that have reported.
        cluster: the one it must run on, or `any`.
    """
    named = [view for view in clusters if cluster in {ANY, view.name}]
    live = [view for view in named if view.is_live]
    if not live or not all(view.nodes for view in live):
        return None
    if any(would_hold(resources, view) for view in named):
        return None
    return misfit(resources, live)


def misfit(resources: Resources, clusters: Sequence[ClusterView]) -> Misfit:
    """Words for a gang that none of these clusters could hold; each has at least one node.

    Nodes that could come count as nodes.
    """
    resources = resources.smallest
    nodes = sorted(
        (node for view in clusters for node in (*view.nodes, *could_come(view))),
        key=lambda node: (node.cluster, node.node_id),
    )
    matching = [node for node in nodes if matches(node, resources)]
    if not matching:
        return _no_such_node(resources, clusters, nodes)
    name, room = _roomiest_cluster(resources, matching)
    short = lacking(resources, room)
    if not short:
        return _too_few_nodes(resources, name, room.frame.nodes)
    needs = f"needs {words.gang(resources, short)}{shape(resources, room)}"
    facts = [needs, f"the largest {_kind(resources, 'node')} {_largest_node(matching, short)}"]
    if len(room.frame.nodes) > 1 and not _on_one_node(resources):
        together = {resource: room.sum(resource) for resource in short}
        facts.append(f"cluster {name} {_has(room.frame.nodes)} {words.amounts(together)} in all")
    return Misfit("; ".join(facts), _what_would_help(resources, room, short))


def shape(resources: Resources, room: Room) -> str:
    """How the gang must lie, as far as it matters: ` on one node`, `, the same number on each`."""
    one, many = _kind(resources, "node"), _kind(resources, "nodes")
    if _on_one_node(resources):
        return f" on one {one}"
    if resources.nodes:
        return f" on {resources.nodes} {many}"
    if resources.workers_per_node:
        most = "at most " if resources.uneven else ""
        return f", {most}{resources.workers_per_node} on each {one}"
    if not resources.uneven and has_place(replace(resources, uneven=True), room):
        return f", the same number on each {one}"
    return on_kind(resources)


def on_kind(resources: Resources) -> str:
    """` on A100 nodes`; empty for a gang that any node may carry."""
    many = _kind(resources, "nodes")
    return f" on {many}" if many != "nodes" else ""


def _on_one_node(resources: Resources) -> bool:
    return resources.placement == "single_node" or 1 in {resources.workers, resources.nodes}


def _kind(resources: Resources, noun: str) -> str:
    """The nodes that match: `A100 nodes with zone=a`."""
    labels = ", ".join(f"{key}={value}" for key, value in sorted(resources.labels.items()))
    kind = f"{resources.accelerator} {noun}" if resources.accelerator else noun
    return f"{kind} with {labels}" if labels else kind


def _roomiest_cluster(resources: Resources, matching: Sequence[NodeView]) -> tuple[str, Room]:
    """The cluster that comes nearest to holding the gang, and its matching nodes."""
    names = sorted({node.cluster for node in matching})
    rooms = {name: Room.whole(n for n in matching if n.cluster == name) for name in names}
    name = max(names, key=lambda name: rooms[name].workers(resources, resources.workers))
    return name, rooms[name]


def _largest_node(nodes: Sequence[NodeView], short: Sequence[str]) -> str:
    names = list(dict.fromkeys([*words.by_weight(short), "GPU", "CPU", "memory"]))
    largest = max(nodes, key=lambda node: [node.total.get(name, 0) for name in names])
    has = {name: largest.total[name] for name in names if largest.total.get(name)}
    has |= {name: 0 for name in short if name not in has}
    return f"({largest.label}, cluster {largest.cluster}) has {words.amounts(has)}"


def _has(nodes: Sequence[NodeView]) -> str:
    """What is said of a cluster's amounts: it has them, or grows to them."""
    return "has" if all(is_there(node.node_id) for node in nodes) else "grows to"


def _no_such_node(
    resources: Resources, clusters: Sequence[ClusterView], nodes: Sequence[NodeView]
) -> Misfit:
    where = f"cluster {clusters[0].name}" if len(clusters) == 1 else "any cluster"
    message = f"needs {_kind(resources, 'nodes')}; {where} has none"
    labelled = replace(resources, accelerator=None)
    if resources.labels and not any(matches(node, labelled) for node in nodes):
        return Misfit(message, "correct resources.labels, or put the labels on a node")
    kinds = sorted({kind for node in nodes for kind in accelerators(node)})
    if not kinds:
        return Misfit(message, "remove resources.accelerator: no node says what it has")
    return Misfit(message, f"correct resources.accelerator; there is {', '.join(kinds)}")


def _too_few_nodes(resources: Resources, cluster: str, nodes: Sequence[NodeView]) -> Misfit:
    workers, each = resources.workers, resources.workers_per_node
    wanted = resources.nodes or -(-workers // (each or workers))
    has = f"cluster {cluster} {_has(nodes)} {len(nodes)}"
    message = f"needs {wanted} {_kind(resources, 'nodes')}; {has}"
    if resources.nodes:
        return Misfit(message, f"lower resources.nodes (now {resources.nodes})")
    more = f"raise resources.workers_per_node (now {each})"
    return Misfit(message, f"{more}, or lower {words.key_of_workers(resources)}")


def _what_would_help(resources: Resources, room: Room, short: Sequence[str]) -> str:
    """The first change of the spec with which the gang would have a place."""
    if not room.workers(resources, limit=1):
        return f"lower {' or '.join(_key(resources, name) for name in words.by_weight(short))}"
    if resources.replicas_per_rank > 1:
        lower = f"lower {words.key_of_workers(resources)}"
        return f"{lower}: they are one process, on one node, as docs/frameworks.md tells"
    if has_place(replace(resources, placement="pack", nodes=None, workers_per_node=None), room):
        shapes = {"nodes": resources.nodes, "workers_per_node": resources.workers_per_node}
        keys = [f"resources.{key} (now {value})" for key, value in shapes.items() if value]
        return f"remove {' and '.join(keys) or f'resources.placement (now {resources.placement})'}"
    if has_place(replace(resources, uneven=True), room):
        return "write resources.uneven: true, or change resources.workers so that it divides evenly"
    return f"lower {words.key_of_workers(resources)}"


def _key(resources: Resources, name: str) -> str:
    """The key of the spec that asks for a resource, with its value."""
    keys = {"GPU": "gpus_per_worker", "CPU": "cpus_per_worker", "memory": "memory_per_worker"}
    value = words.bare(name, resources.per_worker()[name])
    return f"resources.{keys.get(name, f'custom.{name}')} (now {value})"
