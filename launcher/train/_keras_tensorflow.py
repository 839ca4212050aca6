"""Keras on TensorFlow: one process trains on all its devices; Keras 3 cannot use several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from launcher.train.place import world_size


def distribute(make: Callable[[], Any]) -> Any:
    _refuse_several_workers()
    names = _devices()
    if len(names) < 2 or tf.distribute.has_strategy():
        return make()
    with tf.distribute.MirroredStrategy(names).scope():
        return make()


def distribute_ready(model: Any) -> Any:
    _refuse_several_workers()
    strategy = model.distribute_strategy
    if len(_devices()) > 1 and (strategy is None or strategy.num_replicas_in_sync == 1):
        raise TypeError(
            f"the model was made for one of {len(_devices())} devices: give distribute() the"
            " function that makes and compiles it, as distribute(make_model)"
        )
    return model


def _refuse_several_workers() -> None:
    if world_size() > 1:
        raise RuntimeError(
            "Keras 3 on TensorFlow cannot train in several processes: set `keras: {backend: jax}`"
            " or `keras: {backend: torch}` in the spec (KERAS_BACKEND outside launcher); or leave"
            " the backend as it is, so that all workers are one process with all their GPUs; or"
            " use legacy Keras under MultiWorkerMirroredStrategy, with `framework: tensorflow`,"
            " `tensorflow: {strategy: multi_worker_mirrored}` and `env: {TF_USE_LEGACY_KERAS: '1'}`"
        )


def _devices() -> list[str]:
    """The GPUs; without any, the CPUs, which are several when the program has split them."""
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return [device.name for device in found]
