"""The ends of Keras's epochs on torch over several workers: all must see the same figures.

Else one would stop early, or lower its learning rate, and the others would wait for it for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch
import torch.distributed as dist


class Epochs(keras.callbacks.Callback):  # type: ignore[misc] # Keras has no types
    """Makes state and figures of an epoch those of all workers. It stands before all callbacks.

    Metrics are computed from the sum of the workers' counts, so that they are exact also where a
    mean of means is not, as with AUC. What is no metric of Keras is averaged. The statistics of
    BatchNormalization are the first worker's, as DDP has it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._trained: dict[str, Any] | None = None
        self._validated: dict[str, Any] = {}

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - contract
        self._trained = None
        self._validated = {}

    def on_test_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - contract
        """Training is over for this epoch, and its metrics are not reset yet."""
        self._end_training()

    def on_test_end(self, logs: Any = None) -> None:  # noqa: ARG002 - contract
        self._validated = {f"val_{name}": value for name, value in self._metrics().items()}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        trained = self._end_training()
        if logs is None:
            return
        own = _numbers(logs)
        exact: dict[str, Any] = {}
        for group in (trained, self._validated):
            is_validation = group is self._validated
            names = {name for name in logs if name.startswith("val_") == is_validation}
            if group.keys() == names:  # else the program's own step made the logs
                exact.update(group)
        others = sorted(own.keys() - exact.keys())
        means = self._means([own[name] for name in others])
        logs.update(zip(others, means))  # noqa: B905 - strict came with Python 3.10
        logs.update({name: exact[name] for name in logs if name in exact})

    def _end_training(self) -> dict[str, Any]:
        if self._trained is None:
            self._trained = self._metrics()
            weights = [variable.value for variable in self.model.non_trainable_weights]
            each_kind(weights, lambda flat: dist.broadcast(flat, 0))
        return self._trained

    def _metrics(self) -> dict[str, Any]:
        each_kind([one.value for one in self.model.metrics_variables], dist.all_reduce)
        results = self.model.get_metrics_result().items()
        arrays = {name: keras.ops.convert_to_numpy(value) for name, value in results}
        return {name: one.item() if one.size == 1 else one for name, one in arrays.items()}

    def _means(self, values: list[float]) -> list[float]:
        if not values:
            return []
        device = self.model.variables[0].value.device
        summed = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(summed)
        return [value / dist.get_world_size() for value in summed.tolist()]


def _numbers(logs: dict[str, Any]) -> dict[str, float]:
    """The logs that are numbers; a metric may also be a vector, of one number a class."""
    return {name: float(value) for name, value in logs.items() if np.size(value) == 1}


@torch.no_grad()
def each_kind(tensors: list[torch.Tensor], collective: Callable[[torch.Tensor], Any]) -> None:
    """Run a collective in place over many tensors, once for each data type, not for each tensor."""
    kinds: dict[torch.dtype, list[torch.Tensor]] = {}
    for tensor in tensors:
        kinds.setdefault(tensor.dtype, []).append(tensor)
    for same in kinds.values():
        flat = torch.cat([tensor.detach().reshape(-1) for tensor in same])
        collective(flat)
        parts = torch.split(flat, [tensor.numel() for tensor in same])
        for tensor, part in zip(same, parts):  # noqa: B905 - strict came with Python 3.10
            tensor.copy_(part.view_as(tensor))
