"""What nodes that are about to go have to do with it that a job waits, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from launcher.model.job import Resources
from launcher.scheduler import words
from launcher.scheduler.fits import could_hold
from launcher.scheduler.room import matches
from launcher.scheduler.state import ClusterView, NodeView

_NAMED = 3


def besides(resources: Resources, nodes: Iterable[NodeView]) -> str:
    """`; gpu-7 is about to go (drained by ada)`; empty where no node goes that would be of use."""
    going = [node for node in nodes if node.leaving and matches(node, resources)]
    return f"; {_going(going)}" if going else ""


def only_there(resources: Resources, clusters: Iterable[ClusterView]) -> str:
    """Of a gang that has a place only on nodes that go; empty: it has none there either."""
    views = [view for view in clusters if could_hold(resources, view.nodes)]
    going = [node for view in views for node in view.nodes if node.leaving]
    return f"would have a place if no node left: {_going(going)}" if going else ""


def _going(nodes: Sequence[NodeView]) -> str:
    named = [f"{node.label} is about to go ({node.leaving})" for node in nodes]
    return ", ".join(words.some(named, _NAMED, "node", of=len(named)))
