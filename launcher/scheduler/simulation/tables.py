"""What a study came to, as tables for people and as JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from launcher.scheduler.simulation.outcome import Outcome, Waits
from launcher.scheduler.simulation.workload import Workload, kinds_of
from launcher.scheduler.state import NodeView
from launcher.units import format_duration

_FULL = 0.9
"""The demand that the advice on `--nodes-share` makes of load 1: a cluster that is about full."""
_IN_ALL = (
    *("load", "policy", "GPUs used", "mean wait", "p95", "p99", "longest", "p95 slowdown"),
    *("preempted", "GPU-hours lost", "never ran"),
)
_BY_KIND = (
    *("load", "policy", "class", "jobs", "mean wait", "p95", "p99", "longest", "p95 slowdown"),
)


@dataclass(frozen=True)
class Study:
    """One workload on one cluster under several policies and loads."""

    nodes: Sequence[NodeView]
    nodes_share: float
    """How much of the trace's nodes they are."""
    workload: Workload
    assumed: Sequence[str]
    """In words."""
    demands: Mapping[float, float]
    """By load: the share of the GPUs that would be used if nobody waited."""
    outcomes: Mapping[float, Mapping[str, Outcome]]
    """By load and policy."""

    @property
    def gpus(self) -> int:
        return int(sum(node.total["GPU"] for node in self.nodes))


def as_json(study: Study) -> str:
    """Endless waits, of jobs that never ran, are null."""
    found = {
        "nodes": len(study.nodes),
        "gpus": study.gpus,
        "jobs": len(study.workload.jobs),
        "left_out": dict(study.workload.left_out),
        "assumed": list(study.assumed),
        "runs": [
            {"load": load, "policy": name, "demand": study.demands[load], **asdict(one)}
            for load, those in study.outcomes.items()
            for name, one in those.items()
        ],
    }
    return json.dumps(_finite(found), indent=2) + "\n"


def as_tables(study: Study) -> str:
    """Markdown that reads well in a terminal too."""
    flat = [
        (f"{load:g} x", name, one)
        for load, those in study.outcomes.items()
        for name, one in those.items()
    ]
    in_all = [
        [
            *(load, name, f"{one.used:.1%}", *_cells(one.waits)),
            *(str(one.preemptions), f"{one.lost_gpu_h:.0f}", str(one.never_ran)),
        ]
        for load, name, one in flat
    ]
    by_kind = [
        [load, name, kind, f"{waits.jobs:,}", *_cells(waits)]
        for load, name, one in flat
        for kind, waits in one.by_kind.items()
    ]
    parts = [
        _sizes(study),
        _table(_IN_ALL, in_all),
        _table(_BY_KIND, by_kind),
        f"Assumed: {'; '.join(study.assumed)}.",
    ]
    return "\n\n".join(parts) + "\n"


def _sizes(study: Study) -> str:
    nodes, of_all = len(study.nodes), f"{study.nodes_share:.3g} of all"
    left_out = [f"{count:,} {why}" for why, count in study.workload.left_out.items()]
    wanted = [f"{part:.1%} at {load:g} x" for load, part in study.demands.items()]
    lines = [
        f"{len(study.workload.jobs):,} jobs; left out: {', '.join(left_out) or 'none'}",
        f"{nodes:,} nodes ({of_all}) with {study.gpus:,} GPUs: {kinds_of(study.nodes)}",
        f"of the GPUs would be used if nobody waited: {', '.join(wanted)}",
    ]
    load, part = min(study.demands.items())
    if 0 < part < load * _FULL / 2:
        share = study.nodes_share * part / load / _FULL
        lines.append(
            f"so many nodes are hardly ever full; --nodes-share {share:.2g} would be at 1 x load"
        )
    return "\n".join(f"- {line}" for line in lines)


def _cells(waits: Waits) -> list[str]:
    times = [waits.mean_s, waits.p95_s, waits.p99_s, waits.longest_s]
    return [*map(_time, times), f"{waits.slowdown_p95:,.3g}"]


def _time(seconds: float) -> str:
    return format_duration(round(seconds)) if math.isfinite(seconds) else "endless"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = [headings, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in lines
    )


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
