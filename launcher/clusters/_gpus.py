"""Which GPUs of this machine may be offered: those that no process of others holds memory on.

NVML is asked where pynvml is installed, else `nvidia-smi`; without either there are no GPUs. A GPU
is named by its number in bus order, which is what most programs can read; so CUDA must be told to
count the same way.
"""

from __future__ import annotations

import csv
import importlib
import io
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

_QUERY_TIMEOUT_S = 20.0  # the first query loads the driver where no daemon keeps it loaded


@dataclass(frozen=True)
class Gpu:
    index: int
    """Number in bus order, as `nvidia-smi` shows it."""

    uuid: str
    memory_mib: int


def offered(
    gpus: list[Gpu], holders: Mapping[str, set[int]], visible: str | None
) -> tuple[str, ...]:
    """Ids for CUDA_VISIBLE_DEVICES of the GPUs to offer.

    Args:
        gpus: all GPUs of the machine.
        holders: pids that hold memory on a GPU, by its uuid.
        visible: CUDA_VISIBLE_DEVICES as we were started with; only what it names is offered.
    """
    if visible is None:
        return tuple(str(gpu.index) for gpu in gpus if not holders.get(gpu.uuid))
    return tuple(_named(visible, gpus, holders))


def _named(visible: str, gpus: list[Gpu], holders: Mapping[str, set[int]]) -> list[str]:
    found: list[str] = []
    for name in (part.strip() for part in visible.split(",")):
        if name.startswith("MIG-"):
            found.append(name)  # a slice cut for us; neither tool lists its processes apart
            continue
        gpu = _by_name(name, gpus)
        if gpu is None:
            break  # CUDA ignores what follows the first id that it does not know; -1 is its idiom
        if not holders.get(gpu.uuid) and str(gpu.index) not in found:
            found.append(str(gpu.index))
    return found


def _by_name(name: str, gpus: list[Gpu]) -> Gpu | None:
    if name.isdigit():
        return next((gpu for gpu in gpus if gpu.index == int(name)), None)
    # CUDA takes any unique beginning of a uuid.
    matches = [gpu for gpu in gpus if name.startswith("GPU-") and gpu.uuid.startswith(name)]
    return matches[0] if len(matches) == 1 else None


def query() -> tuple[list[Gpu], dict[str, set[int]]]:
    """The GPUs of this machine and who holds memory on them; nothing when they cannot be asked."""
    try:
        return _query_nvml()
    except ImportError:
        return _query_nvidia_smi()
    except Exception:  # NVMLError and its kin: no driver, or one that this NVML does not fit
        return [], {}


def _query_nvml() -> tuple[list[Gpu], dict[str, set[int]]]:
    pynvml = importlib.import_module("pynvml")  # optional, and without types
    pynvml.nvmlInit()
    try:
        gpus: list[Gpu] = []
        holders: dict[str, set[int]] = {}
        for index in range(pynvml.nvmlDeviceGetCount()):
            device = pynvml.nvmlDeviceGetHandleByIndex(index)
            uuid = _text(pynvml.nvmlDeviceGetUUID(device))
            total = pynvml.nvmlDeviceGetMemoryInfo(device).total
            gpus.append(Gpu(index, uuid, int(total) // 2**20))
            running = pynvml.nvmlDeviceGetComputeRunningProcesses(device)
            holders[uuid] = {int(process.pid) for process in running}
        return gpus, holders
    finally:
        pynvml.nvmlShutdown()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value  # bytes before pynvml 11.5


def _query_nvidia_smi() -> tuple[list[Gpu], dict[str, set[int]]]:
    if shutil.which("nvidia-smi") is None:
        return [], {}
    gpus = parse_gpus(_nvidia_smi("--query-gpu=index,uuid,memory.total"))
    return gpus, parse_holders(_nvidia_smi("--query-compute-apps=gpu_uuid,pid"))


def _nvidia_smi(query: str) -> str:
    try:
        answer = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_QUERY_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout


def parse_gpus(text: str) -> list[Gpu]:
    """The answer to `--query-gpu=index,uuid,memory.total` without header and units.

    Lines that do not parse are left out: a GPU that has fallen off the bus answers with words.
    """
    found = []
    for row in csv.reader(io.StringIO(text), skipinitialspace=True):
        match row:
            case [index, uuid, memory] if index.isdigit() and uuid.startswith("GPU-"):
                found.append(Gpu(int(index), uuid, int(memory) if memory.isdigit() else 0))
    return found


def parse_holders(text: str) -> dict[str, set[int]]:
    """The answer to `--query-compute-apps=gpu_uuid,pid`: pids by uuid of the GPU."""
    found: dict[str, set[int]] = {}
    for row in csv.reader(io.StringIO(text), skipinitialspace=True):
        match row:
            case [uuid, pid] if pid.strip().isdigit():
                found.setdefault(uuid, set()).add(int(pid))
    return found
