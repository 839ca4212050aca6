"""Keras on torch over several processes: torch's DistributedDataParallel in Keras's own training.

DDP wants its `forward` called once a step, which makes it expect gradients; its hooks on the
parameters then average them in buckets while the backward pass still runs. Keras calls the model in
ways of its own, so here DDP wraps a module of the model's parameters with an empty `forward`.
"""

from __future__ import annotations

import atexit
import inspect
import sys
import weakref
from collections.abc import Callable
from typing import Any

import keras
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from launcher.train import pytorch
from launcher.train._keras_epochs import Epochs, each_kind
from launcher.train.place import local_rank, world_size

_replicas: weakref.WeakSet[Replica] = weakref.WeakSet()


def distribute(make: Callable[[], Any]) -> Any:
    device = pytorch.own_device()
    if world_size() == 1:
        return make()
    if not dist.is_initialized():
        pytorch.join(device)
        atexit.register(_leave)
    model = make()
    if isinstance(model, keras.Model):
        attach(model)
    return model


def distribute_ready(model: Any) -> Any:
    if any(v.value.is_cuda and v.value.get_device() != local_rank() for v in model.variables):
        raise TypeError(
            "the model lies on another worker's GPU: give distribute() the function that makes and"
            " compiles it, as distribute(make_model), in place of a ready model"
        )
    return distribute(lambda: model)


def attach(model: Any) -> None:
    """Have the model's `fit` and `train_on_batch` train with the other workers."""
    replica = Replica(model)
    make_train_function, fit = model.make_train_function, model.fit
    takes_callbacks = inspect.signature(fit)

    def make_armed(*args: Any, **kwargs: Any) -> None:
        make_train_function(*args, **kwargs)
        replica.arm_steps()

    def fit_together(*args: Any, **kwargs: Any) -> Any:
        given = takes_callbacks.bind(*args, **kwargs)
        others = given.arguments.get("callbacks")
        given.arguments["callbacks"] = [Epochs(), *_listed(others)]
        return fit(*given.args, **given.kwargs)

    model.make_train_function, model.fit = make_armed, fit_together


class Replica:
    """One worker's model, and the DDP that averages its gradients with the others'."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._ddp: DistributedDataParallel | None = None
        self._parameters: list[torch.Tensor] = []
        """What the DDP averages: the model may be frozen in part and go on with others."""
        self._step: Callable[[Any], Any] | None = None
        self._is_fresh = False
        self._counter: Any = None
        self._backwards = 0
        _replicas.add(self)

    def arm_steps(self) -> None:
        """Wrap the train function that Keras has now, unless it is ours already."""
        self._is_fresh = True
        train_function = self._model.train_function
        if train_function is self._step:
            return

        def step(data: Any) -> Any:
            self._arm()
            return train_function(data)

        self._step = self._model.train_function = step

    def release(self) -> None:
        if self._counter is not None:
            self._counter.remove()
        self._ddp = self._counter = None

    def _arm(self) -> None:
        if self._is_fresh:
            self._is_fresh = False
            parameters = [variable.value for variable in self._model.trainable_variables]
            if [id(one) for one in parameters] != [id(one) for one in self._parameters]:
                self._begin(parameters)
        self._backwards = 0
        if self._ddp is None:
            return
        try:
            self._ddp()
        except RuntimeError as error:
            raise RuntimeError(
                "a weight got no gradient, so the workers did not agree on the last step: freeze"
                " what the loss does not use (layer.trainable = False), or have one backward pass"
                f" a step over all trainable weights ({error})"
            ) from error

    def _begin(self, parameters: list[torch.Tensor]) -> None:
        """Average these from now on; all workers begin with the weights and moments of the first.

        Random states stay each worker's own: dropout shall differ between them.
        """
        self.release()
        self._refuse_several_optimizers()
        self._parameters = parameters
        if parameters:
            self._ddp = DistributedDataParallel(
                _Parameters(parameters), gradient_as_bucket_view=True
            )
            self._counter = parameters[0].register_hook(self._count)  # type: ignore[no-untyped-call] # torch's
        rest = [*self._model.non_trainable_weights, *self._model.optimizer.variables]
        each_kind([one.value for one in rest], lambda flat: dist.broadcast(flat, 0))

    def _count(self, _gradient: torch.Tensor) -> None:
        self._backwards += 1
        if self._backwards > 1:
            # DDP would leave it alone, and the workers' weights would drift apart without a word.
            raise RuntimeError(
                "a second backward pass in one training step is not averaged over the workers:"
                " add up the losses and call backward once, or accumulate in the optimizer"
                " (gradient_accumulation_steps)"
            )

    def _refuse_several_optimizers(self) -> None:
        kind = keras.optimizers.Optimizer
        found = [name for name, value in vars(self._model).items() if isinstance(value, kind)]
        if len(found) > 1:
            raise RuntimeError(
                f"distribute() is for models with one optimizer; this one has {', '.join(found)}:"
                " wrap each network in torch.nn.parallel.DistributedDataParallel"
            )


class _Parameters(torch.nn.Module):
    """What DDP finds its parameters in."""

    def __init__(self, parameters: list[torch.Tensor]) -> None:
        super().__init__()
        self.held = torch.nn.ParameterList(parameters)

    def forward(self) -> None:
        """Compute nothing: that DDP calls it is the point."""


def _listed(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return list(callbacks.callbacks)
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def _leave() -> None:
    """Leave the group at the interpreter's end; `pytorch.process_group` says why not later."""
    if hasattr(sys, "last_value") or not dist.is_initialized():
        return  # after an exception the others may never come to the end
    for replica in _replicas:
        replica.release()
    pytorch.leave()
