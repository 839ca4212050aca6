"""What would become of a job, as the server foretells it and the API shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class PlannedNode:
    """A node of a gang that is not there yet. `ranks`: their numbers; `gpus`: of them all."""

    node_id: str
    host: str = ""
    ranks: tuple[int, ...] = ()
    gpus: int = 0

    @property
    def label(self) -> str:
        """What people call it."""
        return self.host or self.node_id[:8]


@dataclass(frozen=True)
class Plan:
    """`outcome`: `now` (it would start), `waits`, `never`, or `submitted` before by its key."""

    outcome: str = "waits"
    text: str = ""
    """The same in a sentence."""
    hint: str = ""
    """What would let it run, where it never can."""
    preempts: tuple[str, ...] = ()
    """Ids of the jobs that would make room."""
    position: int | None = None
    """The place in the queue in which it would wait, from 1."""
    starts_at: float | None = None
    """When it would start after that, where limits or experience let that be told."""
    placed: str = ""
    """How `nodes` is meant: `now`, it goes there; `later`, it goes there as things are; `empty`, it
    would lie so if nothing else ran there. Empty: no cluster is known that could hold it."""
    cluster: str = ""
    nodes: tuple[PlannedNode, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    """Of rank 0 on these nodes, beside the node's own. What stands in <> is known at the start."""
    remarks: tuple[str, ...] = ()
    spec: dict[str, Any] = field(default_factory=dict)
    """With every default, and the GPUs decided."""
    own_python: str = ""
    """The interpreter that would run it where it is placed on the embedded cluster."""
