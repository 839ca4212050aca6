"""What NVML tells of the GPUs that this node gave to the job.

The library is the one that is installed on the node, else the copy that Ray brings; without either,
or without a driver, there are no figures of GPUs, and no error. A figure that a GPU does not have
(power of a partition, ECC of a consumer card) is asked for once.

What mostly stays as it is (throttling, errors) is told when it changes: the first time, and then
with each change.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

log = logging.getLogger(__name__)

_LIBRARIES = ("pynvml", "ray._private.thirdparty.pynvml")
_THERMAL = 0x20 | 0x40
"""Of the bits that say why a GPU runs slower: it is too hot, by driver or by hardware."""
_POWER = 0x04 | 0x80
"""It reached its power limit, or the power supply told it to brake."""
_HARDWARE = 0x08
"""The hardware slows it down, for one of these or for a fault."""
_CAUSES = {
    "throttled_thermal": _THERMAL,
    "throttled_power": _POWER,
    "throttled_hardware": _HARDWARE,
}
_EVENTS_A_LOOK = 100
_PATIENCE_MS = 1

Warn = Callable[[str], None]


def load() -> Any:
    """The library, initialised; None where GPUs cannot be asked."""
    for name in _LIBRARIES:
        try:
            library: Any = importlib.import_module(name)
            library.nvmlInit()
        except Exception as error:  # not there, no driver, a driver that is broken
            log.info("no figures of GPUs by %s: %s", name, error)
            continue
        return library
    return None


@dataclass
class _Gpu:
    """`name`: as series are called. `refused`: figures that it does not have."""

    name: str
    handle: Any
    refused: set[str] = field(default_factory=set)
    told: dict[str, float] = field(default_factory=dict)


class GpuLooker:
    """Looks at some GPUs again and again; not for two threads at once. Any call may hang.

    Args:
        ids: as Ray names them: indices of NVML, or UUIDs.
        warn: tells of a fault that the job's events shall show; of each kind once a GPU.
        library: NVML's; loaded at the first look.
    """

    def __init__(
        self, ids: Sequence[str], warn: Warn = lambda _: None, library: Callable[[], Any] = load
    ) -> None:
        self._ids, self._warn, self._load = ids, warn, library
        self._nvml: Any = None
        self._gpus: list[_Gpu] | None = None
        self._events: Any = None
        self._warned: set[tuple[str, str]] = set()

    def look(self) -> dict[str, float]:
        """Values by name: `gpu0/power`."""
        if self._gpus is None:
            self._gpus = []
            self._nvml = self._load()
            if self._nvml is not None:
                self._gpus = list(self._find())
                self._events = self._listen()
        values: dict[str, float] = {}
        for gpu in self._gpus:
            steady = self._steady(gpu)
            values |= {f"{gpu.name}/{name}": value for name, value in steady.items()}
            for name, value in self._rare(gpu).items():
                if gpu.told.get(name) != value:
                    self._tell(gpu, name, value)
                    gpu.told[name] = value
                    values[f"{gpu.name}/{name}"] = value
        return values | self._xids()

    def _find(self) -> Iterator[_Gpu]:
        for place, one in enumerate(self._ids):
            try:
                if one.isdecimal():
                    yield _Gpu(f"gpu{one}", self._nvml.nvmlDeviceGetHandleByIndex(int(one)))
                else:
                    yield _Gpu(f"gpu{place}", self._nvml.nvmlDeviceGetHandleByUUID(one))
            except Exception as error:  # lost, or not visible in this container
                log.info("GPU %s: %s", one, error)

    def _steady(self, gpu: _Gpu) -> dict[str, float]:
        nvml, handle = self._nvml, gpu.handle
        found = {
            "utilization": self._ask(
                gpu, "utilization", lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu
            ),
            "power": self._ask(
                gpu, "power", lambda: round(nvml.nvmlDeviceGetPowerUsage(handle) / 1000, 1)
            ),
            "temperature": self._ask(
                gpu,
                "temperature",
                lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
            ),
        }
        memory = self._ask(gpu, "memory", lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
        if memory is not None:
            found["memory"] = memory.used
            if gpu.told.get("memory_total") != memory.total:
                gpu.told["memory_total"] = found["memory_total"] = memory.total
        return {name: float(value) for name, value in found.items() if value is not None}

    def _rare(self, gpu: _Gpu) -> dict[str, float]:
        nvml, handle = self._nvml, gpu.handle
        found: dict[str, float] = {}
        reasons = self._ask(gpu, "throttled", lambda: _reasons(nvml, handle))
        if reasons is not None:
            found |= {name: float(bool(reasons & bits)) for name, bits in _CAUSES.items()}
        for name, kind in (
            ("ecc_corrected", nvml.NVML_MEMORY_ERROR_TYPE_CORRECTED),
            ("ecc_uncorrected", nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED),
        ):
            count = self._ask(gpu, name, partial(_ecc_errors, nvml, handle, kind))
            if count is not None:
                found[name] = float(count)
        return found

    def _ask(self, gpu: _Gpu, name: str, ask: Callable[[], Any]) -> Any:
        """The answer; None when it has none, which is not asked for again if it never will."""
        if name in gpu.refused:
            return None
        try:
            return ask()
        except self._nvml.NVMLError as error:
            if getattr(error, "value", None) == self._nvml.NVML_ERROR_NOT_SUPPORTED:
                gpu.refused.add(name)
            return None

    def _tell(self, gpu: _Gpu, name: str, value: float) -> None:
        if name == "ecc_uncorrected" and value > gpu.told.get(name, value):
            text = f"{gpu.name}: {value:.0f} memory errors that ECC could not correct"
            self._warn_once(gpu.name, name, text)
        elif name == "throttled_thermal" and value:
            text = f"{gpu.name} is too hot and runs slower than it could"
            self._warn_once(gpu.name, name, text)

    def _warn_once(self, gpu: str, kind: str, text: str) -> None:
        """A GPU that is just too hot is so every other minute."""
        if (gpu, kind) not in self._warned:
            self._warned.add((gpu, kind))
            self._warn(text)

    # --- XID -------------------------------------------------------------------------------------

    def _listen(self) -> Any:
        """What receives the driver's critical errors; None where that is not supported."""
        nvml = self._nvml
        try:
            events = nvml.nvmlEventSetCreate()
            for gpu in self._gpus or ():
                kinds = nvml.nvmlEventTypeXidCriticalError
                nvml.nvmlDeviceRegisterEvents(gpu.handle, kinds, events)
        except Exception as error:  # not supported, in a container say
            log.info("no XID errors are heard: %s", error)
            return None
        return events

    def _xids(self) -> dict[str, float]:
        values: dict[str, float] = {}
        if self._events is None:
            return values
        wait = getattr(self._nvml, "nvmlEventSetWait_v2", None) or self._nvml.nvmlEventSetWait
        for _ in range(_EVENTS_A_LOOK):
            try:
                event = wait(self._events, _PATIENCE_MS)
            except self._nvml.NVMLError:  # none, mostly
                break
            name = self._name_of(event.device)
            text = f"{name}: the driver reports XID error {event.eventData}"
            self._warn_once(name, f"xid {event.eventData}", text)
            values[f"{name}/xid"] = float(event.eventData)
        return values

    def _name_of(self, handle: Any) -> str:
        """Handles of events are objects of their own: what they stand for is compared."""
        mine = _index(self._nvml, handle)
        names = (one.name for one in self._gpus or () if _index(self._nvml, one.handle) == mine)
        return next(names, "gpu")


def _reasons(nvml: Any, handle: Any) -> int:
    """Why it runs slower, as bits; the function has another name in older libraries and drivers."""
    ask = getattr(nvml, "nvmlDeviceGetCurrentClocksEventReasons", None)
    if ask is not None:
        try:
            return int(ask(handle))
        except nvml.NVMLError as error:
            if getattr(error, "value", None) != nvml.NVML_ERROR_FUNCTION_NOT_FOUND:
                raise
    return int(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))


def _ecc_errors(nvml: Any, handle: Any, kind: int) -> int:
    return int(nvml.nvmlDeviceGetTotalEccErrors(handle, kind, nvml.NVML_VOLATILE_ECC))


def _index(nvml: Any, handle: Any) -> Any:
    try:
        return nvml.nvmlDeviceGetIndex(handle)
    except nvml.NVMLError:
        return None
