"""`make gpu-check`: a job with one worker on each GPU of this machine that looks at what it got.

Two programs in one file. Called by a person it counts the GPUs and submits itself; as a rank it
takes its GPU by LOCAL_RANK as any torchrun program does, reduces over all of them, and rank 0
prints a table. Before that it tells what sampling sees of the GPUs. On a machine without GPUs it
says so, and that is no failure.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

REDUCED_BYTES = 64 * 2**20
ROUNDS = 5
LOOKS = 20
COLUMNS = ("rank", "device", "name", "visible", "all_reduce", "GB/s", "used, NVML")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, help="default: one a GPU; on CPUs if there is none")
    wanted = parser.parse_args().workers
    if "LAUNCHER_JOB_ID" in os.environ:
        return check_this_rank()
    gpus = count_gpus()
    if not gpus and not wanted:
        print("gpu-check: skipped, nvidia-smi finds no GPU on this machine")
        return 0
    print_sampling(gpus)
    return submit(wanted or gpus, gpus_per_worker=1 if gpus else 0)


def count_gpus() -> int:
    """The GPUs that the driver lists; 0 where there is no driver."""
    if shutil.which("nvidia-smi") is None:
        return 0
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def print_sampling(gpus: int) -> None:
    """What an agent would measure of the GPUs, and what that costs."""
    from launcher.executor.sampling_gpus import GpuLooker

    looker = GpuLooker([str(number) for number in range(gpus)])
    values = looker.look()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(LOOKS):
        looker.look()
    wall, cpu = (time.perf_counter() - wall) / LOOKS, (time.process_time() - cpu) / LOOKS
    for number in range(gpus):
        own = {name: value for name, value in values.items() if name.startswith(f"gpu{number}/")}
        told = ", ".join(f"{name.partition('/')[2]} {value:g}" for name, value in own.items())
        print(f"sampling sees gpu{number}: {told or 'nothing'}")
    if gpus:
        print(f"a look at {gpus} GPUs takes {1000 * wall:.1f} ms, {1000 * cpu:.1f} ms of CPU")


def submit(workers: int, *, gpus_per_worker: int) -> int:
    """Run this file as a job; its exit code is the job's outcome."""
    command = [sys.executable, "-m", "launcher", "run", "--name", "gpu-check"]
    command += [f"--workers={workers}", f"--gpus-per-worker={gpus_per_worker}"]
    here = Path(__file__)
    return subprocess.run([*command, "--", here.name], cwd=here.parent, check=False).returncode


def check_this_rank() -> int:
    import torch

    from launcher import rank
    from launcher.train.pytorch import process_group

    if os.environ["CUDA_VISIBLE_DEVICES"] and not torch.cuda.is_available():
        print(f"torch {torch.__version__} cannot use the GPUs: is it a build for CPUs?")
        return 1
    with process_group() as device:
        rows = gather(look(device))
        if rank() == 0:
            print_table(rows)
        return 1 if any(complaints(rows)) else 0


def look(device: torch.device) -> dict[str, str]:
    """What this rank finds; every value is text for the table."""
    import torch

    from launcher import local_rank, rank, world_size

    numbers = torch.full((REDUCED_BYTES // 4,), float(rank() + 1), device=device)
    reduce_all(numbers)  # the first call makes the connections
    is_right = bool((numbers == world_size() * (world_size() + 1) / 2).all())
    is_cuda = device.type == "cuda"
    properties = torch.cuda.get_device_properties(torch.cuda.current_device()) if is_cuda else None
    return {
        "rank": str(rank()),
        "device": f"{numbers.device.type}:{numbers.device.index if is_cuda else local_rank()}",
        "name": properties.name if properties else "-",
        "visible": os.environ["CUDA_VISIBLE_DEVICES"] or "none",
        "all_reduce": "right" if is_right else "wrong",
        "GB/s": f"{bandwidth(numbers):.1f}",
        "used, NVML": memory_by_nvml(getattr(properties, "uuid", None)),
    }


def reduce_all(numbers: torch.Tensor) -> None:
    from torch import distributed

    if distributed.is_initialized():
        distributed.all_reduce(numbers)


def bandwidth(numbers: torch.Tensor) -> float:
    """Of an all_reduce, in GB of the tensor a second; the best of several."""
    import torch

    def once() -> float:
        began = time.perf_counter()
        reduce_all(numbers)
        if numbers.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - began

    return numbers.nbytes / min(once() for _ in range(ROUNDS)) / 1e9


def memory_by_nvml(uuid: object) -> str:
    """Memory that NVML sees in use on a GPU; the driver must know it by the name torch has."""
    try:
        import pynvml
    except ImportError:
        return "no pynvml"
    if uuid is None:
        return "-"
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    return f"{pynvml.nvmlDeviceGetMemoryInfo(handle).used / 2**30:.1f} GiB"


def gather(row: dict[str, str]) -> list[dict[str, str]]:
    from torch import distributed

    if not distributed.is_initialized():
        return [row]
    rows: list[dict[str, str]] = [{}] * distributed.get_world_size()
    distributed.all_gather_object(rows, row)
    return rows


def complaints(rows: list[dict[str, str]]) -> list[str]:
    """What is wrong, in words."""
    found = [f"rank {row['rank']}: all_reduce" for row in rows if row["all_reduce"] != "right"]
    devices = {row["device"] for row in rows}
    if len(devices) < len(rows):
        found.append(f"{len(rows)} ranks share {len(devices)} devices")
    if len({row["visible"] for row in rows}) > 1:
        found.append("ranks of one node see different GPUs")
    return found


def print_table(rows: list[dict[str, str]]) -> None:
    widths = [max(len(name), *(len(row[name]) for row in rows)) for name in COLUMNS]
    for line in ({name: name for name in COLUMNS}, *rows):
        cells = (line[name].ljust(width) for name, width in zip(COLUMNS, widths, strict=True))
        print("  ".join(cells).rstrip())
    for complaint in complaints(rows):
        print(f"wrong: {complaint}")


if __name__ == "__main__":
    sys.exit(main())
