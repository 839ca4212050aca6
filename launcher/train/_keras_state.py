"""The state of a Keras training as files: what it takes to go on as if nothing had happened."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np

WEIGHTS = "model.weights.h5"
"""Keras's own format: weights, and the optimizer with its moments and iterations."""
REST = "state.npz"
"""What that leaves out: seed generators of dropout, metrics of an unfinished epoch, and all of the
optimizer under legacy Keras."""
PLACE = "training.json"


def save(model: Any, folder: Path, place: dict[str, Any], *, within_epoch: bool) -> None:
    """Save a training.

    Args:
        model: a Keras model, compiled.
        folder: exists.
        place: where the training is; anything that is JSON.
        within_epoch: the metrics count on from what the epoch has seen.
    """
    model.save_weights(str(folder / WEIGHTS))
    rest = {f"seed-{at}": one for at, one in enumerate(_seeds(model))}
    if _is_legacy(model):
        rest.update({f"optimizer-{at}": one for at, one in enumerate(model.optimizer.variables)})
    if within_epoch:
        rest.update({f"metric-{at}": one for at, one in enumerate(_metric_variables(model))})
    arrays: dict[str, Any] = {name: np.asarray(one.numpy()) for name, one in rest.items()}
    np.savez(folder / REST, **arrays)
    (folder / PLACE).write_text(json.dumps(place))


def place_of(folder: Path) -> dict[str, Any] | None:
    """What `save` was given as the place; None: the checkpoint was saved by other means."""
    path = folder / PLACE
    if not path.is_file() or not (folder / WEIGHTS).is_file():
        return None
    place: dict[str, Any] = json.loads(path.read_text())
    return place


def load(model: Any, folder: Path) -> None:
    """Take up weights, optimizer and seed generators; these only if there are as many as then.

    Raises:
        RuntimeError: they are not those of such a model.
    """
    optimizer = model.optimizer
    moments = _rest(folder, "optimizer-")
    is_built = len(optimizer.variables) == len(moments) if moments else optimizer.built
    try:
        if not is_built:
            optimizer.build(model.trainable_variables)
        model.load_weights(str(folder / WEIGHTS))
    except Exception as error:
        raise _misfit(folder, error) from error
    if moments and not _assign(optimizer.variables, moments):
        raise _misfit(folder, "its optimizer is another")
    _assign(_seeds(model), _rest(folder, "seed-"))


def load_metrics(model: Any, folder: Path) -> dict[str, Any]:
    """Have the metrics count on, and tell their results so far.

    Where they are others now, or not made yet (on TensorFlow the first step makes them), the
    epoch's figures are those of its rest, and nothing is told.
    """
    saved = _rest(folder, "metric-")
    is_known = _assign(_metric_variables(model), saved)
    return dict(model.get_metrics_result()) if saved and is_known else {}


def whole(number: Any) -> int:
    """A count of Keras's: a number, a tensor or a variable."""
    try:
        return int(number)
    except TypeError:  # variables of legacy Keras, and of MirroredStrategy
        return int(number.numpy())


def random_state() -> dict[str, Any]:
    """The state of the generators that shuffle: Python's, NumPy's and torch's."""
    numpy: Any = np.random.get_state()  # noqa: NPY002 - it is what Keras shuffles with
    kind, keys, *rest = numpy
    state: dict[str, Any] = {"python": random.getstate(), "numpy": [kind, keys.tolist(), *rest]}
    torch = sys.modules.get("torch")
    if torch is not None:
        state["torch"] = bytes(torch.get_rng_state().numpy()).hex()
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            state["cuda"] = bytes(torch.cuda.get_rng_state().numpy()).hex()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))  # noqa: NPY002 - as above
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if "torch" in state:
        torch.set_rng_state(_bytes(torch, state["torch"]))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(_bytes(torch, state["cuda"]))


def _bytes(torch: Any, text: str) -> Any:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)


def _misfit(folder: Path, why: object) -> RuntimeError:
    return RuntimeError(
        f"the checkpoint {folder} does not fit the model: submit the program as a new job if its"
        f" model was changed on purpose ({why})"
    )


def _rest(folder: Path, prefix: str) -> list[Any]:
    if not (folder / REST).is_file():
        return []
    with np.load(folder / REST) as saved:
        count = sum(name.startswith(prefix) for name in saved.files)
        return [saved[f"{prefix}{at}"] for at in range(count)]


def _assign(variables: list[Any], values: list[Any]) -> bool:
    """Give variables their saved values, all or none."""
    if [value.shape for value in values] != [tuple(one.shape) for one in variables]:
        return False
    for variable, value in zip(variables, values):  # noqa: B905 - strict came with Python 3.10
        variable.assign(value)
    return True


def _seeds(model: Any) -> list[Any]:
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _is_legacy(model: Any) -> bool:
    return hasattr(model, "_training_state")


def _metric_variables(model: Any) -> list[Any]:
    return [variable for metric in model.metrics for variable in metric.variables]
