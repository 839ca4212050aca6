"""What is made of NVML's answers. The types and errors are the library's own, the GPUs are not."""

# ruff: noqa: N802 - functions bear NVML's own names

from __future__ import annotations

import pynvml
import pytest

from launcher.executor import sampling_gpus
from launcher.executor.sampling_gpus import GpuLooker


class Gpu:
    def __init__(self, index):
        self.index = index
        self.use, self.watts, self.degrees, self.reasons = 97, 412.345, 61, 0x1
        self.used, self.total = 70 * 2**30, 80 * 2**30
        self.ecc = {
            pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED: 0,
            pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED: 0,
        }
        self.missing = set()
        """Functions that this GPU does not have."""
        self.asked = []


class Nvml:
    """The functions of pynvml that are called, over such GPUs."""

    def __init__(self, gpus):
        self.gpus, self.events, self.has_events = gpus, [], True

    def __getattr__(self, name):
        if name.startswith(("NVML", "nvmlEventType")):
            return getattr(pynvml, name)
        raise AttributeError(name)

    def nvmlDeviceGetHandleByIndex(self, index):
        if index >= len(self.gpus):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_INVALID_ARGUMENT)
        return self.gpus[index]

    def nvmlDeviceGetHandleByUUID(self, uuid):
        return self.gpus[int(uuid.rpartition("-")[2])]

    def nvmlDeviceGetIndex(self, gpu):
        return gpu.index

    def nvmlDeviceGetUtilizationRates(self, gpu):
        self._ask(gpu, "utilization")
        return pynvml.c_nvmlUtilization_t(gpu=gpu.use, memory=40)

    def nvmlDeviceGetMemoryInfo(self, gpu):
        return pynvml.c_nvmlMemory_t(total=gpu.total, free=gpu.total - gpu.used, used=gpu.used)

    def nvmlDeviceGetPowerUsage(self, gpu):
        self._ask(gpu, "power")
        return int(gpu.watts * 1000)

    def nvmlDeviceGetTemperature(self, gpu, sensor):
        assert sensor == pynvml.NVML_TEMPERATURE_GPU
        return gpu.degrees

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, gpu):
        return gpu.reasons

    def nvmlDeviceGetTotalEccErrors(self, gpu, kind, counter):
        self._ask(gpu, "ecc")
        assert counter == pynvml.NVML_VOLATILE_ECC
        return gpu.ecc[kind]

    def nvmlEventSetCreate(self):
        if not self.has_events:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return self.events

    def nvmlDeviceRegisterEvents(self, _gpu, kinds, _events):
        assert kinds == pynvml.nvmlEventTypeXidCriticalError

    def nvmlEventSetWait_v2(self, events, _timeout):
        if not events:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_TIMEOUT)
        return events.pop(0)

    def _ask(self, gpu, name):
        gpu.asked.append(name)
        if name in gpu.missing:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


class Event:
    """As c_nvmlEventData_t, whose device is a handle of its own."""

    def __init__(self, gpu, xid):
        self.device, self.eventData = gpu, xid


@pytest.fixture
def gpus():
    return [Gpu(0), Gpu(1)]


@pytest.fixture
def nvml(gpus):
    return Nvml(gpus)


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def looker(nvml, warnings):
    return GpuLooker(["1"], warnings.append, lambda: nvml)


def test_the_first_look_tells_everything(looker):
    assert looker.look() == {
        "gpu1/utilization": 97.0,
        "gpu1/power": 412.3,
        "gpu1/temperature": 61.0,
        "gpu1/memory": 70.0 * 2**30,
        "gpu1/memory_total": 80.0 * 2**30,
        "gpu1/throttled_thermal": 0.0,
        "gpu1/throttled_power": 0.0,
        "gpu1/throttled_hardware": 0.0,
        "gpu1/ecc_corrected": 0.0,
        "gpu1/ecc_uncorrected": 0.0,
    }


def test_a_further_look_tells_what_moves(looker, warnings):
    looker.look()
    assert looker.look().keys() == {
        f"gpu1/{name}" for name in ("utilization", "power", "temperature", "memory")
    }
    assert warnings == []


@pytest.mark.parametrize(
    ("reasons", "causes"),
    [
        (pynvml.nvmlClocksThrottleReasonGpuIdle, set()),
        (pynvml.nvmlClocksThrottleReasonSwPowerCap, {"power"}),
        (pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown, {"power"}),
        (pynvml.nvmlClocksThrottleReasonSwThermalSlowdown, {"thermal"}),
        (
            pynvml.nvmlClocksThrottleReasonHwThermalSlowdown
            | pynvml.nvmlClocksThrottleReasonHwSlowdown,
            {"thermal", "hardware"},
        ),
    ],
)
def test_throttling_is_told_by_its_cause_when_it_begins_and_ends(looker, gpus, reasons, causes):
    looker.look()
    gpus[1].reasons = reasons
    began = {name: value for name, value in looker.look().items() if "throttled" in name}
    assert began == {f"gpu1/throttled_{cause}": 1.0 for cause in causes}
    assert not any("throttled" in name for name in looker.look())
    gpus[1].reasons = 0
    ended = {name: value for name, value in looker.look().items() if "throttled" in name}
    assert ended == {f"gpu1/throttled_{cause}": 0.0 for cause in causes}


def test_heat_and_errors_of_the_memory_are_told_to_the_job(looker, gpus, warnings):
    gpus[1].ecc[pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED] = 3
    looker.look()  # they were there before the job
    assert warnings == []
    gpus[1].ecc[pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED] = 4
    gpus[1].reasons = pynvml.nvmlClocksThrottleReasonHwThermalSlowdown
    assert looker.look()["gpu1/ecc_uncorrected"] == 4.0
    assert warnings == [
        "gpu1 is too hot and runs slower than it could",
        "gpu1: 4 memory errors that ECC could not correct",
    ]


def test_a_critical_error_is_told_with_its_number(looker, nvml, gpus, warnings):
    looker.look()
    nvml.events.append(Event(gpus[1], 79))
    assert looker.look()["gpu1/xid"] == 79.0
    assert warnings == ["gpu1: the driver reports XID error 79"]
    assert "gpu1/xid" not in looker.look()


def test_a_fault_that_comes_again_and_again_is_told_once(looker, nvml, gpus, warnings):
    for xid in (13, 13, 31):
        nvml.events.append(Event(gpus[1], xid))
    for _ in range(3):
        gpus[1].reasons = 0
        looker.look()
        gpus[1].reasons = pynvml.nvmlClocksThrottleReasonSwThermalSlowdown
        looker.look()
    assert warnings == [
        "gpu1: the driver reports XID error 13",
        "gpu1: the driver reports XID error 31",
        "gpu1 is too hot and runs slower than it could",
    ]


def test_a_figure_that_a_gpu_does_not_have_is_asked_for_once(looker, gpus):
    gpus[1].missing = {"power", "ecc"}
    for _ in range(3):
        assert "gpu1/power" not in looker.look()
    assert gpus[1].asked.count("power") == 1
    assert gpus[1].asked.count("utilization") == 3


def test_a_gpu_that_fell_off_the_bus_has_no_figures_and_the_others_have(nvml, gpus, monkeypatch):
    looker = GpuLooker(["0", "1"], library=lambda: nvml)
    looker.look()
    monkeypatch.setattr(Nvml, "nvmlDeviceGetMemoryInfo", lost(Nvml.nvmlDeviceGetMemoryInfo))
    values = looker.look()
    assert "gpu0/memory" not in values
    assert "gpu1/memory" in values


def lost(plain):
    def ask(self, gpu):
        if gpu.index == 0:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return plain(self, gpu)

    return ask


def test_gpus_may_be_named_by_uuid_and_one_that_is_not_there_is_left_out(nvml):
    names = {name.partition("/")[0] for name in GpuLooker(["GPU-1"], library=lambda: nvml).look()}
    assert names == {"gpu0"}
    assert GpuLooker(["7"], library=lambda: nvml).look() == {}


def test_where_no_errors_can_be_heard_all_else_is_seen(looker, nvml):
    nvml.has_events = False
    assert "gpu1/power" in looker.look()


def test_without_driver_and_library_there_are_no_gpus(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(sampling_gpus.importlib, "import_module", missing)
    looker = GpuLooker(["0"])
    assert [looker.look(), looker.look()] == [{}, {}]


def test_the_real_library_without_a_driver_tells_nothing():
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        assert GpuLooker(["0"], library=lambda: None).look() == {}
