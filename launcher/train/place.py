"""Which process of which job this is, as the environment says; under torchrun and alone too."""

from __future__ import annotations

import os
from pathlib import Path


def rank() -> int:
    """Number of this process among all of the gang; 0 when it runs alone."""
    return int(os.environ.get("RANK") or 0)


def local_rank() -> int:
    """Number of this process on its node: the index of its GPU."""
    return int(os.environ.get("LOCAL_RANK") or 0)


def world_size() -> int:
    """Processes that train together; 1 when this one runs alone."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def per_worker_batch(global_batch: int) -> int:
    """How many samples of a batch each process takes, whatever the number of processes.

    An elastic job trains with the same batch in all, and so with the same learning rate, while its
    workers come and go. All processes take equally many, as DistributedSampler and averaging
    gradients want it; where that does not divide evenly, as many as come nearest.

    Args:
        global_batch: samples of one step, of all processes together.

    Raises:
        ValueError: there are fewer samples than processes.
    """
    size = world_size()
    if global_batch < size:
        raise ValueError(
            f"a global batch of {global_batch} for {size} workers leaves some without a sample: "
            "raise it, or lower resources.workers"
        )
    return (global_batch + size // 2) // size


def attempt() -> int:
    """Which launch of the job this is, from 1."""
    return int(os.environ.get("LAUNCHER_ATTEMPT") or 1)


def resume_from() -> Path | None:
    """Folder of the checkpoint to go on from; None: begin from nothing."""
    folder = os.environ.get("LAUNCHER_RESUME_FROM")
    return Path(folder) if folder else None


def in_job() -> bool:
    return bool(os.environ.get("LAUNCHER_JOB_ID"))
