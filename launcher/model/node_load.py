"""How much each node did over the last hour, out of the samples of the jobs that held it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

BUCKET_S = 30
KEPT_S = 3600
_OPEN = 4
"""The newest buckets are still added to; of older ones only what they come to is kept."""
_CPU, _MEMORY, _TOTAL = "node/cpu", "node/memory", "node/memory_total"
_UTILIZATION, _POWER, _GPU_MEMORY = "utilization", "power", "memory"


class LoadPoint(NamedTuple):
    """Means over one bucket; None: not known. `at`: its beginning, seconds since the epoch.

    `cpu` and `gpu` in percent, of all cores and over the GPUs that jobs held; `memory` and
    `gpu_memory` in bytes, `power` in watts, of all these GPUs together.
    """

    at: float
    cpu: float | None = None
    memory: float | None = None
    gpu: float | None = None
    gpu_memory: float | None = None
    power: float | None = None
    gpus: int = 0


@dataclass
class _Bucket:
    """Sums and counts by name."""

    sums: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, mean: float, count: int) -> None:
        known = self.sums.setdefault(name, [0.0, 0.0])
        known[0] += mean * count
        known[1] += count

    def point(self, at: float) -> LoadPoint:
        means = {name: total / count for name, (total, count) in self.sums.items()}
        used = _of_gpus(means, _UTILIZATION)
        return LoadPoint(
            at,
            means.get(_CPU),
            means.get(_MEMORY),
            sum(used) / len(used) if used else None,
            _sum(_of_gpus(means, _GPU_MEMORY)),
            _sum(_of_gpus(means, _POWER)),
            len(used),
        )


class NodeLoad:
    """Of one node. What several jobs measured of it is the same, but for their own GPUs."""

    def __init__(self) -> None:
        self._open: dict[int, _Bucket] = {}
        self._closed: dict[int, LoadPoint] = {}
        self.memory_total: float | None = None

    def add(self, at: float, values: Mapping[str, float], count: int = 1) -> None:
        """What a job measured of the node and its GPUs at a moment, by name of the series.

        Args:
            at: seconds since the epoch.
            values: each the mean of `count` samples.
            count: of samples.
        """
        number = int(at // BUCKET_S)
        if _TOTAL in values:
            self.memory_total = values[_TOTAL]
        if number in self._closed:
            return
        bucket = self._open.setdefault(number, _Bucket())
        for name, value in values.items():
            if name in {_CPU, _MEMORY} or _is_shown_of_gpu(name):
                bucket.add(name, value, count)
        if len(self._open) > _OPEN:
            self._close(number)

    def points(self, now: float, seconds: float = KEPT_S) -> list[LoadPoint]:
        """Those of the last `seconds`, oldest first; what is older than an hour is forgotten."""
        oldest = (now - KEPT_S) // BUCKET_S
        for kept in (self._open, self._closed):
            for number in [number for number in kept if number < oldest]:
                del kept[number]
        found = self._closed | {
            number: bucket.point(number * BUCKET_S) for number, bucket in self._open.items()
        }
        return [found[number] for number in sorted(found) if number >= (now - seconds) // BUCKET_S]

    def _close(self, current: int) -> None:
        """Those that are old, but for the one that is being filled: it may have come late."""
        newest = max([*self._open, *self._closed])
        for number in [one for one in self._open if one <= newest - _OPEN and one != current]:
            self._closed[number] = self._open.pop(number).point(number * BUCKET_S)


def _of_gpus(means: Mapping[str, float], name: str) -> list[float]:
    parts = ((key.partition("/"), mean) for key, mean in means.items())
    return [mean for (of, _, figure), mean in parts if of.startswith("gpu") and figure == name]


def _is_shown_of_gpu(name: str) -> bool:
    gpu, _, figure = name.partition("/")
    return gpu.startswith("gpu") and figure in {_UTILIZATION, _POWER, _GPU_MEMORY}


def _sum(values: list[float]) -> float | None:
    return sum(values) if values else None
