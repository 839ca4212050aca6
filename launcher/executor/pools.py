"""By what a cluster could grow: out of its autoscaler's configuration, and what that says. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from launcher.model.node import NodeReport
from launcher.model.pools import Pool, Pools

TROUBLE_S = 120.0
"""A start that failed longer ago tells nothing of the next one: it is tried again all the time."""
UNTOLD = "a node could not be started; monitor.log of Ray's head says why"
_SHOWN = 200
"""So much of what a cloud says of a failure."""
REFUSED = "its autoscaler says that it cannot have all that it is asked for"


@dataclass(frozen=True)
class Said:
    """What an autoscaler says of its doings."""

    coming: Mapping[str, int] = field(default_factory=dict)
    """By pool: nodes that are being started."""
    trouble: Mapping[str, str] = field(default_factory=dict)
    """By pool: why nodes could not be started."""
    refuses: bool = False
    """It cannot do what it was asked for last."""
    heeds_labels: bool = False
    """It is Ray's second one."""
    pool_of: Mapping[str, str] = field(default_factory=dict)
    """By node id, or by address where it knows nodes by that."""


def said_by_first(status: Mapping[str, Any]) -> Said:
    """What Ray's first autoscaler writes about itself, as JSON."""
    report = status.get("autoscaler_report") or {}
    coming = Counter(kind for _, kind, *_ in report.get("pending_nodes") or ())
    coming.update(report.get("pending_launches") or {})
    summary = report.get("node_availability_summary") or {}
    trouble = {}
    for name, record in (summary.get("node_availabilities") or {}).items():
        known = record.get("unavailable_node_information") or {}
        if not record.get("is_available", True):
            parts = [known.get("category", ""), known.get("description", "")]
            trouble[name] = _on_one_line(": ".join(part for part in parts if part))
    return Said(dict(coming), trouble, pool_of=report.get("node_type_mapping") or {})


def said_by_second(status: Mapping[str, Any], now: float) -> Said:
    """What Ray's second autoscaler says: its protobuf message as a dict with its own names.

    Args:
        status: of `GetClusterStatusReply`.
        now: seconds since the epoch.
    """
    state = status.get("autoscaling_state") or {}
    coming: Counter[str] = Counter()
    for request in state.get("pending_instance_requests") or ():
        coming[request["ray_node_type_name"]] += int(request.get("count", 1))
    coming.update(one["ray_node_type_name"] for one in state.get("pending_instances") or ())
    failed = sorted(
        state.get("failed_instance_requests") or (), key=lambda one: int(one.get("failed_ts", 0))
    )
    trouble = {
        one["ray_node_type_name"]: _on_one_line(one.get("reason", "") or UNTOLD)
        for one in failed
        if now - int(one.get("failed_ts", 0)) < TROUBLE_S
    }
    refuses = bool(state.get("infeasible_cluster_resource_constraints"))
    return Said(dict(coming), trouble, refuses, heeds_labels=True)


def in_pools(nodes: Sequence[NodeReport], pool_of: Mapping[str, str]) -> tuple[NodeReport, ...]:
    """The nodes, each with its pool.

    Args:
        nodes: all that are there.
        pool_of: by node id, or by address.
    """
    return tuple(
        replace(node, pool=pool_of.get(node.node_id) or pool_of.get(node.address, ""))
        for node in nodes
    )


def pools_of(
    config: Mapping[str, Any],
    nodes: Sequence[NodeReport],
    said: Said,
    smallest: Mapping[str, Mapping[str, float]],
) -> Pools:
    """By what the cluster could grow now.

    Args:
        config: as `ray up` takes it.
        nodes: with their pools.
        said: by the autoscaler.
        smallest: by pool, the least that a node of it was seen to have of each resource.
    """
    there = Counter(node.pool for node in nodes)
    head = config.get("head_node_type")
    pools = []
    for name, kind in sorted((config.get("available_node_types") or {}).items()):
        resources = {
            resource: min(float(amount), smallest.get(name, {}).get(resource, float(amount)))
            for resource, amount in (kind.get("resources") or {}).items()
        }
        if name == head or not any(resources.values()):
            continue  # of what nobody says how large it is nothing can be promised
        most = int(kind.get("max_workers", config.get("max_workers", 0)))
        more = max(most - there[name], 0)
        coming = min(said.coming.get(name, 0), more)
        labels = {str(key): str(value) for key, value in (kind.get("labels") or {}).items()}
        trouble = said.trouble.get(name, "")
        pools.append(Pool(name, resources, labels, most, more, coming, trouble))
    workers = sum(count for name, count in there.items() if name and name != head)
    more = max(int(config.get("max_workers", 0)) - workers, 0)
    return Pools(tuple(pools), more, REFUSED if said.refuses else "", said.heeds_labels)


def smaller(
    smallest: Mapping[str, Mapping[str, float]], nodes: Sequence[NodeReport]
) -> dict[str, dict[str, float]]:
    """What nodes of each pool had at least, with these: a pool may promise more than it has."""
    found = {name: dict(amounts) for name, amounts in smallest.items()}
    for node in nodes:
        known = found.setdefault(node.pool, {})
        for name, amount in node.total.items():
            known[name] = min(amount, known.get(name, amount))
    found.pop("", None)
    return found


def _on_one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
