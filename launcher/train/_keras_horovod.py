"""Horovod with Keras 3, done right: Horovod's own optimizer for it reduces nothing, and is silent.

Horovod 0.28 overrides methods that Keras 3 never calls. What Keras 3 does call, on each backend and
in each mode, is `optimizer.apply`.
"""

from __future__ import annotations

import importlib
from typing import Any

import keras
import numpy as np


def wrap(optimizer: Any) -> Any:
    hvd = _horovod()
    apply, build = optimizer.apply, optimizer.build

    def apply_averaged(grads: Any, trainable_variables: Any = None) -> Any:
        return apply(_averaged(hvd, list(grads)), trainable_variables)

    def build_equal(variables: Any) -> None:
        # The moments are zeros everywhere. TensorFlow, which may build within its first step's
        # trace, has not even made them when this returns.
        build(variables)
        _broadcast(hvd, list(variables))

    optimizer.apply, optimizer.build = apply_averaged, build_equal
    return optimizer


def broadcast(model: Any) -> None:
    """Give all ranks the weights and moments of the first. Random states stay their own."""
    _broadcast(_horovod(), [*model.weights, *model.optimizer.variables])


def means(values: list[float]) -> list[float]:
    """The mean of each number over all ranks."""
    if not values:
        return []
    own = keras.ops.convert_to_tensor(np.array(values, dtype="float64"), dtype="float64")
    name = "launcher.train.keras.logs"
    averaged = _horovod().allreduce(own, name=name)
    return [float(value) for value in keras.ops.convert_to_numpy(averaged)]


def _broadcast(hvd: Any, variables: list[Any]) -> None:
    if keras.backend.backend() == "torch":
        pairs = [(str(at), variable.value) for at, variable in enumerate(variables)]
        hvd.broadcast_parameters(pairs, root_rank=0)
        return
    import tensorflow as tf

    with tf.init_scope():  # the first step builds the optimizer while it is traced
        hvd.broadcast_variables([variable.value for variable in variables], root_rank=0)


def _averaged(hvd: Any, gradients: list[Any]) -> list[Any]:
    """One fused operation for all; a weight that the loss does not use has no gradient."""
    present = [_dense(one) for one in gradients if one is not None]
    if not present:
        return gradients
    reduced = iter(hvd.grouped_allreduce(present))
    return [None if one is None else next(reduced) for one in gradients]


def _dense(gradient: Any) -> Any:
    """A gradient of an embedding lists rows, which the ranks do not have in common."""
    return keras.ops.convert_to_tensor(gradient)


def _horovod() -> Any:
    name = keras.backend.backend()
    if name not in ("torch", "tensorflow"):
        raise RuntimeError(
            f"Horovod knows Keras on tensorflow and torch; KERAS_BACKEND is {name}: use"
            " launcher.train.keras.distribute there"
        )
    return importlib.import_module(f"horovod.{name}")
