"""Node list and pod list of a recorded cluster, read from CSV.

The columns are those of Alibaba's GPU trace of 2023 (cluster-trace-gpu-v2023), of which none that
matters may be missing, and a few more for sites that know more about their jobs:

- nodes: `sn`, `cpu_milli`, `memory_mib`, `gpu`; `model` (kind of its GPUs) may be left out or empty
- pods: `name`, `cpu_milli`, `memory_mib`, `num_gpu`, `creation_time`, `scheduled_time`,
  `deletion_time`; may be left out or empty: `gpu_milli`, `gpu_spec`, `qos`, and the site's own
  `workers`, `user`, `project`, `priority`, `limit_s`

Times are seconds since any moment. Columns of other names are passed over.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from launcher.errors import SpecError
from launcher.scheduler.room import ACCELERATOR_LABELS
from launcher.scheduler.state import NodeView

CLUSTER = "trace"
"""The name of the cluster that the nodes form."""

_MIB = 2**20
_MILLI = 1000
_MOST_URGENT = 100
_COMPLAINTS_SHOWN = 10
_NODE_COLUMNS = ("sn", "cpu_milli", "memory_mib", "gpu")
_POD_COLUMNS = (
    "name", "cpu_milli", "memory_mib", "num_gpu",
    "creation_time", "scheduled_time", "deletion_time",
)  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True)
class Pod:
    """One line of the pod list: what it asked for and when it was there. Times in seconds."""

    name: str
    created_at: float
    scheduled_at: float | None
    """None: it never ran."""
    deleted_at: float | None
    """None: it ran when the record ended."""
    cpus: float
    memory: int
    """Bytes."""
    gpus: int
    """Whole ones that it needs; a part of one counts as one."""
    gpu_share: float
    """How much of its GPU it asked for; 1 unless `gpus` is 1."""
    accelerators: tuple[str, ...]
    """Kinds of GPU it may run on; empty: any."""
    kind: str
    """Its class of service."""
    workers: int
    """So many alike, started together."""
    user: str
    project: str
    priority: int | None
    limit_s: float | None


def read_nodes(lines: Iterable[str], file: str) -> tuple[NodeView, ...]:
    """The nodes, idle.

    Args:
        lines: of the CSV file, with its heading.
        file: its name, for complaints.

    Raises:
        SpecError: with every mistake and where it is.
    """
    return _read(lines, file, _NODE_COLUMNS, _node)


def read_pods(lines: Iterable[str], file: str) -> tuple[Pod, ...]:
    """The pods in the order of their creation; arguments and errors as of `read_nodes`."""
    pods = _read(lines, file, _POD_COLUMNS, _pod)
    return tuple(sorted(pods, key=lambda pod: (pod.created_at, pod.name)))


class _Row:
    """One line; what is wrong in it is told by a ValueError that names the column."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, column: str) -> str:
        return (self._values.get(column) or "").strip()

    def name(self, column: str) -> str:
        if not self.text(column):
            raise ValueError(f"{column} is empty")
        return self.text(column)

    def number(self, column: str, least: float = 0, most: float = math.inf) -> float:
        """Finite, not less than `least`, not more than `most`."""
        text = self.text(column)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most or value == math.inf:
            upwards = f" to {most:g}" if most < math.inf else ""
            raise ValueError(f"{column} is {text!r}, not a number from {least:g}{upwards}")
        return value

    def count(self, column: str, least: int = 0, most: float = math.inf) -> int:
        value = self.number(column, least, most)
        if value != int(value):
            raise ValueError(f"{column} is {self.text(column)!r}, not a whole number")
        return int(value)

    def has(self, column: str) -> bool:
        return bool(self.text(column))


def _node(row: _Row) -> NodeView:
    total = {
        "CPU": row.number("cpu_milli") / _MILLI,
        "memory": row.number("memory_mib") * _MIB,
        "GPU": row.count("gpu"),
    }
    name = row.name("sn")
    labels = {ACCELERATOR_LABELS[0]: row.text("model")} if row.has("model") else {}
    return NodeView(CLUSTER, name, name, total, total, labels)


def _pod(row: _Row) -> Pod:
    gpus = row.count("num_gpu")
    share = row.number("gpu_milli") / _MILLI if gpus == 1 and row.has("gpu_milli") else 1.0
    created_at = row.number("creation_time")
    scheduled_at = row.number("scheduled_time", created_at) if row.has("scheduled_time") else None
    begun_at = created_at if scheduled_at is None else scheduled_at
    kinds = row.text("gpu_spec")
    return Pod(
        name=row.name("name"),
        created_at=created_at,
        scheduled_at=scheduled_at,
        deleted_at=row.number("deletion_time", begun_at) if row.has("deletion_time") else None,
        cpus=row.number("cpu_milli") / _MILLI,
        memory=round(row.number("memory_mib") * _MIB),
        gpus=gpus,
        gpu_share=share,
        accelerators=tuple(kind.strip() for kind in kinds.split("|")) if kinds else (),
        kind=row.text("qos") or "-",
        workers=row.count("workers", 1) if row.has("workers") else 1,
        user=row.text("user"),
        project=row.text("project"),
        priority=row.count("priority", most=_MOST_URGENT) if row.has("priority") else None,
        limit_s=row.number("limit_s", 1) if row.has("limit_s") else None,
    )


def _read(
    lines: Iterable[str], file: str, columns: Sequence[str], make: Callable[[_Row], T]
) -> tuple[T, ...]:
    """One of `T` a line; the first of `columns` names it, so its values differ."""
    reader = csv.DictReader(lines)
    reader.fieldnames = [heading.strip() for heading in reader.fieldnames or ()]
    if missing := [column for column in columns if column not in reader.fieldnames]:
        there = ", ".join(sorted(reader.fieldnames)) or "nothing"
        raise SpecError(
            f"{file}:1: lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}",
            hint=f"it has {there}; docs/simulator.md says what the columns mean",
        )
    made: list[T] = []
    first: dict[str, int] = {}
    complaints: list[str] = []
    for values in reader:
        row, line = _Row(values), reader.line_num
        try:
            made.append(make(row))
            name = row.name(columns[0])
            if first.setdefault(name, line) != line:
                complaints.append(f"{file}:{line}: {name} is in line {first[name]} already")
        except ValueError as error:
            complaints.append(f"{file}:{line}: {error}")
    if not made and not complaints:
        complaints = [f"{file}: has no line below its heading"]
    if complaints:
        more = len(complaints) - _COMPLAINTS_SHOWN
        shown = complaints[:_COMPLAINTS_SHOWN] + ([f"and {more} more"] if more > 0 else [])
        raise SpecError("\n".join(shown))
    return tuple(made)
