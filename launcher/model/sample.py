"""Samples: what an agent measures of its node, its GPUs and its ranks every few seconds. Pure.

A sample is one line of JSON in a file of its own, which is shipped as a rank's spool is: by byte
offset, so that none is lost or doubled. Its values become series of the kind `system`, beside
those of the kind `reported`, whose names they cannot meet.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

STREAM = "sampled"
"""The stream of a node's samples; its rank is the first one of the node."""
REPORTED, SYSTEM = "reported", "system"
"""Kinds of series: what programs say, and what agents measure."""
STEP_TIME = "rank/step_time"
"""No agent measures it: the server works it out from what ranks report, and shows it beside."""
EVERY_S = 5.0
_NAME = re.compile(r"[a-z][a-z0-9]{0,15}/[a-z][a-z0-9_]{0,31}")
_MOST_VALUES = 4096
"""Values of a line that are taken: a node of 16 GPUs and 64 ranks has 400."""
_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Sample:
    """What was measured at one moment.

    `time`: seconds since the epoch, by the node's clock. `values`: of the node and its GPUs, by
    name. `ranks`: of each rank that ran, by name.
    """

    time: float
    node: int
    values: Mapping[str, float] = field(default_factory=dict)
    ranks: Mapping[int, Mapping[str, float]] = field(default_factory=dict)

    def series(self) -> Iterator[tuple[int, str, float]]:
        """Rank (of what is the node's: the node's number), name and value of each."""
        for name, value in self.values.items():
            yield self.node, name, value
        for rank, values in self.ranks.items():
            for name, value in values.items():
                yield rank, name, value


def line_of(sample: Sample) -> bytes:
    """The sample as a line of its file."""
    record = {
        "k": "s",
        "t": round(sample.time, 3),
        "node": sample.node,
        "v": dict(sample.values),
        "r": {str(rank): dict(values) for rank, values in sample.ranks.items()},
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def sample_of(line: bytes) -> Sample | None:
    """The sample that a line tells; None when it is torn or foreign.

    >>> sample_of(line_of(Sample(1.5, 0, {"node/cpu": 12.5}, {3: {"rank/cpu": 99.0}})))
    Sample(time=1.5, node=0, values={'node/cpu': 12.5}, ranks={3: {'rank/cpu': 99.0}})
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("k") != "s":
        return None
    time, node, ranks = _number(record.get("t")), record.get("node"), record.get("r")
    if time is None or not isinstance(node, int) or not isinstance(ranks, dict):
        return None
    if isinstance(node, bool) or not 0 <= node <= _LARGEST:
        return None
    found = {int(rank): _values(of) for rank, of in ranks.items() if _is_number_of_rank(rank)}
    sample = Sample(time, node, _values(record.get("v")), found)
    count = len(sample.values) + sum(len(values) for values in found.values())
    return sample if count <= _MOST_VALUES else None


def _values(told: object) -> dict[str, float]:
    """Those that have the name and the value of a measurement."""
    if not isinstance(told, dict):
        return {}
    numbers = ((name, _number(value)) for name, value in told.items() if _NAME.fullmatch(name))
    return {name: value for name, value in numbers if value is not None}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # of 400 digits
        return None
    return number if math.isfinite(number) else None


def _is_number_of_rank(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 11 and int(text) <= _LARGEST
