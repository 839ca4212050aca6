"""Keras 3: several workers by one call, and a callback that reports, saves, resumes and stops.

    def make_model():
        model = keras.Sequential([...])
        model.compile(...)
        return model

    model = distribute(make_model)
    model.fit(*shard(x, y), callbacks=[Callback()])

`Callback` knows legacy Keras (tf_keras) too, chosen as TensorFlow itself chooses it: by
TF_USE_LEGACY_KERAS.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

from launcher.train.place import rank, world_size

if os.environ.get("TF_USE_LEGACY_KERAS") in ("1", "true", "True"):
    import tf_keras as keras

    IS_LEGACY = True
else:
    import keras

    IS_LEGACY = False

from launcher.train._keras_callback import Following

__all__ = ["Callback", "HorovodCallback", "distribute", "horovod_optimizer", "shard"]


def distribute(model: Any) -> Any:
    """Make a model that all workers train together; alone, just make it.

    torch: gradients are averaged by DistributedDataParallel while the backward pass still runs.
    jax: the processes join, and `keras.distribution.DataParallel` spans their devices. tensorflow:
    several devices of one process train by MirroredStrategy.

    Every worker gives `fit` its own part of the data (`shard`), and its part of the global batch as
    `batch_size`. Leave evaluating and predicting to one worker on torch; on jax all do it together.

    Args:
        model: the function that makes and compiles the model. It is called once, at the moment
            when workers and devices are ready: jax refuses to join when it has computed already,
            and with torch a model made before would lie on the first GPU in every worker. A ready
            model is taken where that does no harm: with torch on CPUs.

    Returns:
        The model.

    Raises:
        TypeError: a ready model where it is too late for it, or no model at all.
        RuntimeError: the workers cannot train this together; the words say what can.
    """
    if IS_LEGACY:
        raise RuntimeError(
            "distribute() is for Keras 3, and TF_USE_LEGACY_KERAS chose legacy Keras, which trains"
            " over several workers under tf.distribute.MultiWorkerMirroredStrategy"
        )
    ready = isinstance(model, keras.Model)
    if not ready and not callable(model):
        raise TypeError(
            f"distribute() takes the function that makes the model, not {_kind(model)}:"
            " write distribute(make_model)"
        )
    made = _distribution(ready)(model)
    if not isinstance(made, keras.Model):
        raise TypeError(
            f"the function given to distribute() must return the model, not {_kind(made)}"
        )
    return made


def _distribution(ready: bool) -> Any:
    name = keras.backend.backend()
    if name not in ("torch", "jax", "tensorflow"):
        raise RuntimeError(f"distribute() knows torch, jax and tensorflow; KERAS_BACKEND is {name}")
    chosen = importlib.import_module(f"launcher.train._keras_{name}")
    return chosen.distribute_ready if ready else chosen.distribute


def shard(*arrays: Any) -> Any:
    """This worker's part of arrays of examples: every n-th one, as many as every other worker has.

    What is left over at the end, fewer examples than workers, is trained by nobody: with parts of
    unequal size one worker would wait for ever in a step that the others do not make.

    Args:
        arrays: whatever `array[start:stop:step]` works for, all of the same length.

    Returns:
        The part of the array, or a tuple of the parts when there are several arrays.
    """
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise ValueError(f"shard() takes arrays of one length, not of {sorted(lengths)}")
    whole = lengths.pop() // world_size() * world_size()
    parts = tuple(array[rank() : whole : world_size()] for array in arrays)
    return parts[0] if len(parts) == 1 else parts


class Callback(Following, keras.callbacks.Callback):  # type: ignore[misc] # Keras has no types
    """Follow, save, resume and stop a training by one line: `fit(..., callbacks=[Callback()])`.

    It reports the logs of steps and epochs, saves a checkpoint at the end of epochs, and before
    the first batch takes up the checkpoint that launcher chose: weights, optimizer, epoch and
    random state, whatever `initial_epoch` says. When the job is to stop, all workers save in the
    middle of the epoch and leave `fit`; the next attempt goes on with the very next batch.

    Put it last in the list: callbacks that change the logs come before it.

    A checkpoint holds `model.weights.h5`, Keras's own format, readable by `model.load_weights`.
    """

    def __init__(self, every: int = 1, save_every: int = 1) -> None:
        """Follow a training.

        Args:
            every: report the logs of each n-th step; 0 only those of epochs.
            save_every: save at the end of each n-th epoch; the last is always saved. 0: save only
                when the job is to stop.
        """
        keras.callbacks.Callback.__init__(self)
        all_save = IS_LEGACY or keras.backend.backend() == "jax"
        Following.__init__(self, every, save_every, is_legacy=IS_LEGACY, all_save=all_save)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._model = model  # Keras 3 has it by itself, legacy Keras has not


def horovod_optimizer(optimizer: Any) -> Any:
    """Have a Keras 3 optimizer average its gradients over Horovod's ranks; compile with it.

    It stands for Horovod's own DistributedOptimizer, which with Keras 3 averages nothing and does
    not say so. `horovod.torch.init()` or `horovod.tensorflow.init()` comes before.

    Returns:
        The same optimizer. What is saved of it is plain Keras.
    """
    from launcher.train import _keras_horovod

    return _keras_horovod.wrap(optimizer)


class HorovodCallback(keras.callbacks.Callback):  # type: ignore[misc] # Keras has no types
    """Begin on all of Horovod's ranks with equal weights, and end epochs with equal figures.

    It stands for BroadcastGlobalVariablesCallback and MetricAverageCallback, which know Keras 2
    only. Put it first: callbacks after it see the averages, and so decide alike on all ranks.
    """

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - Keras's contract
        self._is_equal = False

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002 - as above
        """Not at the beginning of `fit`: a callback after this one may load weights there."""
        if not self._is_equal:
            self._is_equal = True
            from launcher.train import _keras_horovod

            _keras_horovod.broadcast(self.model)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - as above
        from launcher.train import _keras_horovod

        numbers = {name: float(value) for name, value in logs.items() if np.size(value) == 1}
        names = sorted(numbers)
        means = _keras_horovod.means([numbers[name] for name in names])
        logs.update(zip(names, means))  # noqa: B905 - strict came with Python 3.10


def _kind(thing: Any) -> str:
    return f"a {type(thing).__name__}"
