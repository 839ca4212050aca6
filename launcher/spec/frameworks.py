"""`framework`, and the sections that only one of them has: `tensorflow` and `keras`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

from launcher.spec.part import Part
from launcher.spec.resources import Resources
from launcher.spec.values import WrongValueError, did_you_mean

FRAMEWORKS = ("pytorch", "tensorflow", "keras", "horovod", "jax", "command")
"""The frameworks that this version runs."""

_SET_BY_FRAMEWORK = {
    "tensorflow": {"TF_CONFIG": "remove it"},
    "keras": {
        "KERAS_BACKEND": "remove it, and write keras: {backend: torch} or whichever it shall be"
    },
    "horovod": {
        "HOROVOD_CONTROLLER": "remove it: the ranks meet over Gloo",
        "HOROVOD_RANK": "remove it",
        "HOROVOD_SIZE": "remove it; resources: {workers: N} is their number",
    },
    "jax": {"JAX_COORDINATOR_ADDRESS": "remove it", "JAX_PROCESS_ID": "remove it"},
}
"""Variables that a framework's file gives every rank, and what their author shall do."""


class TensorFlow(Part):
    strategy: Literal["mirrored", "multi_worker_mirrored"] | None = None
    """With `framework: tensorflow` alone, without it: `mirrored`. `mirrored`: all workers are one
    process that sees the GPUs of them all, on one node, for tf.distribute.MirroredStrategy.
    `multi_worker_mirrored`: each worker is a process with GPUs of its own and TF_CONFIG, for
    tf.distribute.MultiWorkerMirroredStrategy."""


class Keras(Part):
    backend: Literal["tensorflow", "torch", "jax"] | None = None
    """With `framework: keras` alone, without it: `tensorflow`. KERAS_BACKEND is set to it before
    the program begins. On `tensorflow` all workers are one process, for MirroredStrategy; on
    `torch` and `jax` each is a process of its own."""


def framework_name(value: object) -> object:
    """The value, if it is a framework of this version."""
    known = f"{', '.join(FRAMEWORKS[:-1])} and {FRAMEWORKS[-1]}"
    if value not in FRAMEWORKS:
        near = did_you_mean(str(value), FRAMEWORKS)
        raise WrongValueError(f"{{value}} is not known; this version runs {known}{near}")
    return value


def strategy_of(framework: str, tensorflow: TensorFlow, keras: Keras) -> str:
    """How the workers train together: a `tensorflow.strategy`, a `keras.backend`, or empty."""
    if framework == "tensorflow":
        return tensorflow.strategy or "mirrored"
    if framework == "keras":
        return keras.backend or "tensorflow"
    return ""


def is_one_process(framework: str, strategy: str) -> bool:
    """Whether all workers together are one process, as under MirroredStrategy.

    >>> is_one_process("tensorflow", "mirrored"), is_one_process("keras", "torch")
    (True, False)
    """
    return (framework, strategy) in {("tensorflow", "mirrored"), ("keras", "tensorflow")}


def foreign_sections(
    framework: str, tensorflow: TensorFlow, keras: Keras
) -> Iterator[WrongValueError]:
    """Complaints about keys that belong to another framework."""
    if keras.backend is not None and framework != "keras":
        yield WrongValueError(_foreign("keras", framework), at=("keras", "backend"))
    if tensorflow.strategy is None or framework == "tensorflow":
        return
    at = ("tensorflow", "strategy")
    if framework == "keras" and tensorflow.strategy == "multi_worker_mirrored":
        yield WrongValueError(
            "fit of Keras 3 fails under MultiWorkerMirroredStrategy; for several processes write "
            "keras: {backend: jax} or keras: {backend: torch}; or framework: tensorflow with a "
            'training loop of your own, or with legacy Keras: env: {TF_USE_LEGACY_KERAS: "1"}',
            at=at,
        )
    elif framework == "keras":
        yield WrongValueError(
            "belongs to framework: tensorflow; remove it: keras on tensorflow is mirrored already",
            at=at,
        )
    else:
        yield WrongValueError(_foreign("tensorflow", framework), at=at)


def set_anyway(framework: str, env: Collection[str]) -> Iterator[WrongValueError]:
    """Complaints about variables of `env` that the framework's file sets for every rank."""
    for name, advice in _SET_BY_FRAMEWORK.get(framework, {}).items():
        if name in env:
            yield WrongValueError(
                f"is set by the launcher with framework: {framework}; {advice}", at=("env", name)
            )


def torn_apart(framework: str, resources: Resources) -> Iterator[WrongValueError]:
    """Complaints about workers of one process that shall be on several nodes."""
    apart = (
        "keras: {backend: jax}"
        if framework == "keras"
        else "tensorflow: {strategy: multi_worker_mirrored}"
    )
    advice = f"but these workers are one process, on one node; remove it, or write {apart}"
    nodes, on_each = resources.nodes, resources.workers_per_node
    if nodes is not None and nodes > 1:
        yield WrongValueError(f"is {{value}}, {advice}", at=("resources", "nodes"))
    elif on_each is not None and on_each < resources.most:
        words = f"is {{value}} of {resources.most}, {advice}"
        yield WrongValueError(words, at=("resources", "workers_per_node"))
    if resources.placement == "spread":
        yield WrongValueError(f"is {{value}}, {advice}", at=("resources", "placement"))


def _foreign(section: str, framework: str) -> str:
    return f"belongs to framework: {section}, not {framework}; remove it, or change framework"
