"""Keras on jax over several processes: what its users write by hand, in the right order."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import Any

import jax
import keras

from launcher.train.place import in_job, local_rank, rank, world_size


def distribute(make: Callable[[], Any]) -> Any:
    if world_size() > 1 and not _is_joined():
        _join()
    if world_size() > 1 and keras.distribution.distribution() is None:
        # Each process brings its own part of the data, so Keras shall not split it once more.
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(auto_shard_dataset=False)
        )
    return make()


def distribute_ready(model: Any) -> Any:
    """Refuse, also when alone: a program must not learn of it by its first run on two workers."""
    if _is_joined() and keras.distribution.distribution() is not None:
        return model
    raise TypeError(
        "with jax the workers join before the model is made: give distribute() the function that"
        " makes and compiles it, as distribute(make_model), in place of a ready model"
    )


def _is_joined() -> bool:
    return bool(jax.distributed.is_initialized())


def _join() -> None:
    if not in_job():
        # Started by hand or by torchrun, a process sees the GPUs of its neighbours; in a job of
        # launcher's it sees its own only, which may be several.
        os.environ.setdefault("JAX_LOCAL_DEVICE_IDS", str(local_rank()))
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    atexit.register(_leave)
    address = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
    try:
        # Beside jax.distributed.initialize it agrees on one seed: all must make equal weights.
        keras.distribution.initialize(address, world_size(), rank())
    except RuntimeError as error:
        if "before" not in str(error):
            raise
        raise RuntimeError(
            "distribute() comes before anything that computes with jax: load the data with NumPy,"
            f" and make layers and optimizers in the function given to it ({error})"
        ) from error


def _leave() -> None:
    """After an exception leave past JAX's own exit.

    That waits up to five minutes for the others, which wait for this one in their next step.
    Without an exception it is right: rank 0, which serves the others, may be done long before them.
    """
    if hasattr(sys, "last_value"):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
