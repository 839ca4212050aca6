"""How a program trains, read from its text in the words of the compatibility table.

Only its own file is read: what its modules do is not known, and nothing is said of it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from launcher.frameworks.compatibility import IMPORTS_TORCH, LEGACY_KERAS
from launcher.spec.inspection import dotted, imported, inspect, keras_runs_on

KERAS_FIT = "Keras fit"
OWN_LOOP = "a training loop of its own"
TOGETHER = "several together"
HOROVOD_OPTIMIZER = "Horovod's Keras optimizer"
HOROVOD_CALLBACKS = "Horovod's Keras callbacks"

_STRATEGIES = ("MultiWorkerMirroredStrategy", "MirroredStrategy")
_ONLY_KERAS_TAKES = frozenset(
    {"epochs", "steps_per_epoch", "initial_epoch", "validation_data", "validation_split"}
    | {"validation_steps", "callbacks"}
)
"""Arguments of `fit` by which Keras's is told from that of scikit-learn and others."""
_DISTRIBUTING = frozenset(
    {"experimental_distribute_dataset", "distribute_datasets_from_function"}
    | {"experimental_distribute_datasets_from_function"}
)
_HOROVOD_KERAS = ("horovod.tensorflow.keras", "horovod.keras")
_FAILING_CALLBACKS = frozenset(
    {"BroadcastGlobalVariablesCallback", "MetricAverageCallback", "LearningRateWarmupCallback"}
    | {"LearningRateScheduleCallback"}
)


@dataclass(frozen=True)
class Signs:
    """What was found."""

    imports: frozenset[str] = frozenset()
    """Top-level packages."""
    traits: Mapping[str, int] | None = None
    """Line where each shows first; None: nobody could read the program."""
    keras_runs_on: str = ""
    """What it sets KERAS_BACKEND to itself."""


def signs(source: str | bytes, filename: str = "program") -> Signs:
    r"""How a program trains.

    >>> signs("import keras\nmodel.fit(x, y, epochs=3)").traits
    {'Keras fit': 2}

    Raises:
        SyntaxError: it is no python.
    """
    tree = ast.parse(source, filename)
    imports = frozenset(imported(tree))
    found: dict[str, int] = {}
    for trait, line in _traits(tree, imports):
        found[trait] = min(line, found.get(trait, line))
    if inspect(source, filename).is_distributed:
        found[TOGETHER] = 1
    return Signs(imports, found, keras_runs_on(tree))


def _traits(tree: ast.Module, imports: frozenset[str]) -> Iterator[tuple[str, int]]:
    compiled = {name for name, _ in _methods(tree, "compile")}
    if imports & {"keras", "tensorflow", "tf_keras"}:
        for name, call in _methods(tree, "fit"):
            given = {keyword.arg for keyword in call.keywords}
            if name in compiled or given & _ONLY_KERAS_TAKES:
                yield KERAS_FIT, call.lineno
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            last = dotted(node.func).rpartition(".")[2]
            if last in _STRATEGIES:
                yield last, node.lineno
            elif last in _DISTRIBUTING:
                yield OWN_LOOP, node.lineno
    yield from _legacy_keras(tree, imports)
    yield from _horovod_keras(tree)
    if "torch" in imports:
        yield IMPORTS_TORCH, 1


def _methods(tree: ast.AST, method: str) -> Iterator[tuple[str, ast.Call]]:
    """Every `name.method(…)` with its name: `model`, `self.model`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = dotted(node.func.value)
            if node.func.attr == method and "?" not in name:
                yield name, node


def _legacy_keras(tree: ast.AST, imports: frozenset[str]) -> Iterator[tuple[str, int]]:
    """It imports tf_keras, or names the variable that chooses it: then it may well be."""
    if "tf_keras" in imports:
        yield LEGACY_KERAS, 1
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value == "TF_USE_LEGACY_KERAS":
            yield LEGACY_KERAS, node.lineno
        elif isinstance(node, ast.keyword) and node.arg == "TF_USE_LEGACY_KERAS":
            yield LEGACY_KERAS, node.value.lineno


def _horovod_keras(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """What it takes of Horovod for Keras, under whatever name."""
    names = dict(_names_of_horovod_keras(tree))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        first, _, rest = dotted(node.func).partition(".")
        path = ".".join(filter(None, (names.get(first, first), rest)))
        if not path.startswith(_HOROVOD_KERAS):
            continue
        last = path.rpartition(".")[2]
        if last == "DistributedOptimizer":
            yield HOROVOD_OPTIMIZER, node.lineno
        elif last in _FAILING_CALLBACKS:
            yield HOROVOD_CALLBACKS, node.lineno


def _names_of_horovod_keras(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Names in the program, and what each stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield alias.asname, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"
