"""What is said to those for whom a cluster grows, or cannot."""

from __future__ import annotations

from collections.abc import Mapping

from launcher.model.job import Resources
from launcher.model.pools import Pool
from launcher.scheduler import words
from launcher.scheduler.floor import Floor
from launcher.scheduler.room import Room
from launcher.scheduler.state import ClusterView, Lacking, NodeView
from launcher.units import rounded

_STEP_S = 10


def grows(lacking: Lacking, view: ClusterView, asked_at: float | None, now: float) -> str:
    """Of a job that starts when its cluster has more nodes.

    Args:
        lacking: what it needs.
        view: the cluster, as it was reported last.
        asked_at: since when it is asked for them; None: it is not.
        now: seconds since the epoch.
    """
    nodes = told(lacking.more)
    pools = [pool for pool in view.pools.pools if pool.name in lacking.more]
    trouble = "".join(f"; pool {pool.name}: {pool.trouble}" for pool in pools if pool.trouble)
    if asked_at is None:
        text = f"needs {nodes}, which cluster {view.name} would start"
    elif any(pool.coming for pool in pools):
        ago = _ago(asked_at, now)
        text = f"waits for {nodes}, which cluster {view.name} is starting (asked {ago})"
    else:
        text = f"waits for {nodes}, for which cluster {view.name} was asked {_ago(asked_at, now)}"
    return text + trouble + (f"; {view.pools.trouble}" if view.pools.trouble else "")


def told(nodes: Mapping[str, int]) -> str:
    """Nodes by pool.

    >>> told({"a100": 2, "spot": 1})
    '2 nodes of pool a100 and 1 node of pool spot'
    """
    return " and ".join(
        f"{words.count(count, 'node')} of pool {name}" for name, count in sorted(nodes.items())
    )


def full(resources: Resources, floor: Floor) -> str:
    """`; pool gpu has all 4 nodes that it may have`; empty where growing is no matter."""
    pools = [pool for pool in floor.view.pools.pools if _could_help(pool, resources)]
    if not pools or any(floor.view.pools.within(pool) for pool in pools):
        return ""
    at_most = [f"pool {pool.name} has all {words.count(pool.most, 'node')} that it may have"
               for pool in pools if not pool.more]  # fmt: skip
    return f"; {', '.join(at_most) or 'the cluster has all nodes that it may have'}"


def _could_help(pool: Pool, resources: Resources) -> bool:
    node = NodeView("", pool.name, pool.name, pool.resources, pool.resources, pool.labels)
    return bool(Room.whole([node]).workers(resources, limit=1))


def _ago(then: float, now: float) -> str:
    """Coarse: whoever follows the job is told each new text."""
    seconds = now - then
    if seconds < _STEP_S:
        return "just now"
    return f"{rounded(seconds // _STEP_S * _STEP_S)} ago"
