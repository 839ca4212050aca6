"""What an executor begins when it learns what its cluster shall have. Pure.

Absence stops nothing: only an entry in the list of what to stop does.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from launcher.model.wire import Desired, WantedAllocation


@dataclass(frozen=True)
class Make:
    """Hold the resources and have an agent on every node; adopts what is there already."""

    wanted: WantedAllocation


@dataclass(frozen=True)
class GiveBack:
    """End the agents and give the resources back."""

    wanted: WantedAllocation


def unproven(wanted: WantedAllocation, dead: Collection[int]) -> set[int]:
    """Nodes of an allocation where ranks may still run: it must not be called given back yet.

    Args:
        wanted: as the server knows it now.
        dead: nodes whose agent was proven dead to this executor.
    """
    return {
        node.index
        for node in wanted.nodes
        if node.address and not node.over and node.index not in dead
    }


def plan(
    desired: Desired, held: Collection[str], stopping: Collection[str]
) -> list[Make | GiveBack]:
    """What to begin, given the ids of what is held and of what is on its way back already."""
    steps: list[Make | GiveBack] = [
        GiveBack(wanted) for wanted in desired.stop if wanted.id not in stopping
    ]
    doomed = {wanted.id for wanted in desired.stop} | set(stopping)
    steps += [
        Make(wanted)
        for wanted in desired.allocations
        if wanted.id not in held and wanted.id not in doomed
    ]
    return steps
