"""PyTorch: join the process group as torchrun's environment says, and leave it the clean way."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from launcher.train.place import local_rank, world_size


@contextmanager
def process_group(
    backend: str | None = None, timeout: timedelta | None = None
) -> Iterator[torch.device]:
    """Give the device of this rank, with `torch.distributed` ready when several train together.

    Alone (WORLD_SIZE unset or 1) there is no group: wrap the model in DistributedDataParallel only
    `if torch.distributed.is_initialized()`.

    Keep the model and the optimizer inside a function that is called within the block:

        with process_group() as device:
            train(device)

    torch 2.13 with gloo now and then aborts at the interpreter's exit after a perfect run, unless
    everything that refers to the group is gone before the group is.

    Args:
        backend: torch's name of the collective library; default nccl with CUDA, else gloo.
        timeout: how long a collective may take; default torch's.
    """
    device = own_device()
    if world_size() == 1:
        yield device
        return
    join(device, backend, timeout)
    yield device
    # Not after an exception: destroying waits for collectives that the other ranks never enter.
    leave()


def own_device() -> torch.device:
    """The device of this rank, made torch's current one: a program's plain "cuda" means it."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", local_rank())
    torch.cuda.set_device(device)
    return device


def join(
    device: torch.device, backend: str | None = None, timeout: timedelta | None = None
) -> None:
    """Make the process group of all ranks; the arguments are `process_group`'s."""
    dist.init_process_group(
        backend or ("nccl" if device.type == "cuda" else "gloo"),
        timeout=timeout,
        device_id=device if device.type == "cuda" else None,
    )


def leave() -> None:
    """End the process group, once nothing that is still needed refers to it."""
    gc.collect()
    dist.destroy_process_group()
    gc.collect()
