"""`resources`: how many workers a job has, what each takes of the cluster, and where they go."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, model_validator

from launcher.spec.part import Part
from launcher.spec.span import Span, Workers
from launcher.spec.values import (
    Amount,
    Count,
    CountOrZero,
    Flag,
    Section,
    Size,
    Text,
    WrongValueError,
    raise_all,
)

_RAY_OWN = {"CPU": "cpus_per_worker", "GPU": "gpus_per_worker", "memory": "memory_per_worker"}


def _resource_name(value: str) -> str:
    if value in _RAY_OWN:
        raise WrongValueError(f"has a key of its own: resources.{_RAY_OWN[value]}")
    return value


class Resources(Part, BaseModel):
    workers: Workers = 1
    """Replicas of the data-parallel training: one process each, or one process in all where the
    framework has it so (docs/frameworks.md). `{min: 2, max: 8}` starts with as many as there is
    room for, and grows later (docs/elastic.md)."""
    gpus_per_worker: CountOrZero | None = None
    """Whole GPUs of each worker. Without it: 1 when the cluster has GPUs and the framework is not
    `command`, else 0."""
    cpus_per_worker: Count = 1
    """CPU cores of each worker."""
    memory_per_worker: Size | None = None
    """Memory kept free for each worker, as `8GiB`. Without it: none is set aside."""
    accelerator: Text | None = None
    """Kind of GPU, in Ray's words (`A100`) or those of the label nvidia.com/gpu.product."""
    custom: Annotated[dict[Annotated[Text, AfterValidator(_resource_name)], Amount], Section] = {}
    """Ray resources of the cluster's own that each worker takes, as `{licence: 1}`."""
    labels: Annotated[dict[Text, Text], Section] = {}
    """Labels that a node must carry, as `{ray.io/market-type: on-demand}`."""
    placement: Literal["pack", "spread", "single_node"] = "pack"
    """`pack` on few nodes, `spread` over many, or all on a `single_node`."""
    nodes: Count | None = None
    """Number of nodes, in place of `placement`."""
    workers_per_node: Count | None = None
    """Workers on each node. With `nodes` it gives the number of workers."""
    uneven: Flag = False
    """Nodes may carry unequal numbers of workers."""

    @model_validator(mode="after")
    def _count_workers(self) -> Resources:
        if self.nodes and self.workers_per_node and "workers" not in self.model_fields_set:
            # The model is frozen for its users; here it is still being made.
            object.__setattr__(self, "workers", self.nodes * self.workers_per_node)
        raise_all(fault for fault in (self._placed_twice(), self._misshapen()) if fault)
        return self

    @property
    def most(self) -> int:
        """Of workers."""
        return self.workers.max if isinstance(self.workers, Span) else self.workers

    @property
    def fewest(self) -> int | None:
        """Of the workers of an elastic job; None: it has exactly `most`."""
        return self.workers.min if isinstance(self.workers, Span) else None

    def _placed_twice(self) -> WrongValueError | None:
        shaped = self.nodes or self.workers_per_node
        if shaped and self.placement != "pack":
            return WrongValueError(
                "{value} contradicts nodes and workers_per_node; write one or the other",
                at=("placement",),
            )
        return None

    def _misshapen(self) -> WrongValueError | None:
        if self.nodes and self.workers_per_node and isinstance(self.workers, Span):
            return WrongValueError(
                f"{self.nodes} nodes of {self.workers_per_node} workers are always "
                f"{self.nodes * self.workers_per_node}; remove nodes, or write workers as a number",
                at=("workers",),
            )
        ends = (self.most,) if self.fewest is None else (self.fewest, self.most)
        return next((fault for end in ends if (fault := self._misshapen_with(end))), None)

    def _misshapen_with(self, workers: int) -> WrongValueError | None:
        nodes, on_each = self.nodes, self.workers_per_node
        if nodes and nodes > workers:
            return WrongValueError(
                f"{nodes} nodes for {workers} workers; lower nodes or raise workers",
                at=("nodes",),
            )
        if nodes and on_each and not self._fits(workers, nodes, on_each):
            return WrongValueError(
                f"{nodes} nodes of {on_each} workers are {nodes * on_each}, but workers is "
                f"{workers}; remove workers, or correct one of the three",
                at=("workers",),
            )
        divisor = nodes or on_each
        if divisor and workers % divisor and not self.uneven:
            key = "nodes" if nodes else "workers_per_node"
            return WrongValueError(
                f"{workers} workers cannot be spread evenly with {key}: {divisor}; "
                "change one of them, or write uneven: true",
                at=(key,),
            )
        return None

    def _fits(self, workers: int, nodes: int, on_each: int) -> bool:
        return workers <= nodes * on_each if self.uneven else workers == nodes * on_each
