"""What a training program tells of itself, read from its text: it is parsed, never executed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

FRAMEWORK_OF = {
    "horovod": "horovod",
    "keras": "keras",
    "tensorflow": "tensorflow",
    "jax": "jax",
    "flax": "jax",
    **dict.fromkeys(
        ("torch", "lightning", "pytorch_lightning", "transformers", "accelerate", "deepspeed"),
        "pytorch",
    ),
}
"""By imported package; the first one of this table that is imported decides."""
_TOGETHER = frozenset(
    {"DistributedDataParallel", "DDP", "FullyShardedDataParallel", "FSDP", "fully_shard"}
    | {"init_process_group", "init_device_mesh", "Accelerator", "MultiWorkerMirroredStrategy"}
    | {"MirroredStrategy", "DistributedOptimizer", "DistributedGradientTape", "Trainer"}
)
"""Names of what makes several processes one training."""
_SAVERS = {
    # function or method: where its path stands, and by which keyword
    "torch.save": (1, "f"),
    "save_file": (1, "filename"),
    "save_weights": (0, "filepath"),
    "ModelCheckpoint": (0, "filepath"),
    "save_pretrained": (0, "save_directory"),
    "save_state": (0, "output_dir"),
    "save_checkpoint": (0, "save_dir"),
    "save": (0, "filepath"),
}
_MODEL_FILE = re.compile(r".*\.(keras|h5|hdf5|weights\.h5)")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}|%(?:\(\w+\))?[-+ #0]*\d*(?:\.\d+)?[diouxXeEfFgGcrs]")
_MOVERS = {"os.replace", "os.rename", "shutil.move"}
_TEMPORARY = re.compile(r"(.+)\.(tmp|temp|part|partial)")
_UNKNOWN = "*"
_DEEPEST = 8
_PATH_MAKERS = frozenset(
    {"os.path.join", "Path", "pathlib.Path", "str", "os.fspath", "os.path.expanduser"}
)


@dataclass(frozen=True)
class Argument:
    """An argument that the program takes. `default`: as it is written; empty without one."""

    name: str
    default: str = ""
    is_required: bool = False

    def __str__(self) -> str:
        """As in a usage line."""
        value = f" {self.default}" if self.default else ""
        return f"{self.name}{value}{' (required)' * self.is_required}"


@dataclass(frozen=True)
class Inspection:
    """What was found."""

    framework: str | None = None
    """What it trains with; None: nothing that is known."""
    is_distributed: bool = False
    """Something in it makes several processes one training."""
    uses_launcher: bool = False
    arguments: tuple[Argument, ...] = ()
    saves: tuple[str, ...] = ()
    """Globs of the files that it saves models into."""
    section: tuple[str, str, str] | None = None
    """What its framework must be told beside its name: section, key and value."""


def inspect(source: str | bytes, filename: str = "program") -> Inspection:
    r"""What a program tells of itself.

    >>> inspect("import torch\ntorch.save(m, f'out/{step}.pt')").saves
    ('out/*.pt',)

    Raises:
        SyntaxError: it is no python.
    """
    tree = ast.parse(source, filename)
    imports = set(imported(tree))
    arguments = tuple(_arguments(tree))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    froms = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    names |= {alias.name for node in froms for alias in node.names if alias.asname}
    called = {dotted(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    framework = next((name for package, name in FRAMEWORK_OF.items() if package in imports), None)
    section = None
    if "MultiWorkerMirroredStrategy" in names:
        framework, section = "tensorflow", ("tensorflow", "strategy", "multi_worker_mirrored")
    elif framework == "keras" and (runs_on := keras_runs_on(tree)) in {"torch", "jax"}:
        section = ("keras", "backend", runs_on)
    together = bool(names & _TOGETHER) or any(_joins(function) for function in called)
    paths = _Paths(tree, arguments)
    return Inspection(
        framework,
        together,
        "launcher" in imports,
        arguments,
        tuple(dict.fromkeys(_saves(tree, paths))),
        section,
    )


def _joins(function: str) -> bool:
    """Whether a call makes this process one of several: `distribute` is launcher.train.keras's."""
    joining = ("hvd.init", "deepspeed.initialize", "distributed.initialize")
    return function.endswith(joining) or function.rpartition(".")[2] == "distribute"


def keras_runs_on(tree: ast.AST) -> str:
    """What the program itself sets KERAS_BACKEND to; empty when it leaves it alone."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(
                targets=[ast.Subscript(slice=ast.Constant(value="KERAS_BACKEND"))],
                value=ast.Constant(value=str(name)),
            ):
                return name
    return ""


def imported(tree: ast.AST) -> Iterator[str]:
    """Top-level packages; `tensorflow.keras` is keras too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for module in modules:
            yield module.partition(".")[0]
            if module.startswith("tensorflow.keras"):
                yield "keras"


# --- arguments ------------------------------------------------------------------------------------


def _arguments(tree: ast.AST) -> Iterator[Argument]:
    """Those of argparse (`add_argument`) and click (`option`, `argument`), as they stand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = dotted(node.func)
            if function.endswith(".add_argument") or function in {"click.option", "click.argument"}:
                found = _argument(node, is_click=function == "click.argument")
                if found is not None:
                    yield found


def _argument(call: ast.Call, *, is_click: bool) -> Argument | None:
    written = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
    names = [name.partition("/")[0] for name in written if isinstance(name, str)]
    if not names:
        return None
    name = next((name for name in names if name.startswith("--")), names[0])
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    default, required = keywords.get("default"), keywords.get("required")
    is_required = isinstance(required, ast.Constant) and required.value is True
    if not name.startswith("-"):
        name = name.upper()
        is_required = default is None and "nargs" not in keywords and not is_click
    value = default.value if isinstance(default, ast.Constant) else None
    shown = "" if value is None or isinstance(value, bool) else str(value)
    return Argument(name, shown, is_required)


# --- what it saves --------------------------------------------------------------------------------


def _saves(tree: ast.AST, paths: _Paths) -> Iterator[str]:
    renamed = {old: new for old, new in _renames(tree, paths) if old != _UNKNOWN}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        path = _path_of(node)
        if path is None:
            continue
        saved = paths.pattern(path)
        pattern = _tidy(renamed.get(saved, saved))
        if pattern and (_last(node.func) != "save" or _is_model(node, pattern)):
            yield pattern


def _renames(tree: ast.AST, paths: _Paths) -> Iterator[tuple[str, str]]:
    """What is written under one name and moved to another: what is saved is the other."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=old, attr="replace" | "rename"), args=[new]):
                yield paths.pattern(old), paths.pattern(new)
            case ast.Call(func=function, args=[old, new]) if dotted(function) in _MOVERS:
                yield paths.pattern(old), paths.pattern(new)


def _path_of(call: ast.Call) -> ast.expr | None:
    """The expression of the path that this call saves to."""
    name = dotted(call.func)
    index, keyword = _SAVERS.get(name) or _SAVERS.get(_last(call.func)) or (-1, "")
    if index < 0:
        return None
    given = {item.arg: item.value for item in call.keywords}
    if len(call.args) > index:
        return call.args[index]
    return given.get(keyword)


def _is_model(call: ast.Call, pattern: str) -> bool:
    """`x.save(…)` may be a picture or a form: only what surely is a model counts."""
    if dotted(call.func) == "torch.save":
        return True
    return bool(_MODEL_FILE.fullmatch(pattern)) or "model" in dotted(call.func).lower()


def _tidy(pattern: str) -> str:
    """A glob relative to the workdir; empty when it says nothing."""
    temporary = _TEMPORARY.fullmatch(pattern)
    pattern = temporary.group(1) if temporary else pattern
    pattern = re.sub(r"\*{2,}", _UNKNOWN, pattern).removeprefix("./")
    pattern = re.sub(r"/{2,}", "/", pattern).rstrip("/")
    said = pattern.replace(_UNKNOWN, "").strip("/.")
    is_inside = not pattern.startswith("../") and "/../" not in pattern
    return pattern if said and is_inside else ""


class _Paths:
    """Turns the expression of a path into a glob: what is not known of it becomes `*`."""

    def __init__(self, tree: ast.AST, arguments: tuple[Argument, ...]) -> None:
        self._defaults = {
            argument.name.lstrip("-").replace("-", "_").lower(): argument.default
            for argument in arguments
            if argument.default
        }
        for name, default in _parameters(tree):
            self._defaults.setdefault(name.lower(), default)
        self._assigned: dict[str, list[ast.expr]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                self._note(node.targets[0], node.value)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                self._note(node.target, node.value)

    def _note(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._assigned.setdefault(target.id, []).append(value)

    def pattern(self, node: ast.expr, depth: int = 0) -> str:
        """The glob; an asterisk where nothing is known."""
        if depth > _DEEPEST:
            return _UNKNOWN
        match node:
            case ast.Constant(value=str(text)):
                found = _PLACEHOLDER.sub(_UNKNOWN, text)
            case ast.JoinedStr(values=parts):
                found = "".join(self._part(part, depth) for part in parts)
            case ast.BinOp():
                found = self._joined(node, depth + 1)
            case ast.Attribute(attr=name):
                found = self._defaults.get(name.lower(), _UNKNOWN)
            case ast.Name(id=name) if len(self._assigned.get(name, ())) == 1:
                found = self.pattern(self._assigned[name][0], depth + 1)
            case ast.Name(id=name) if name not in self._assigned:
                found = self._defaults.get(name.lower(), _UNKNOWN)
            case ast.Call():
                found = self._called(node, depth)
            case _:
                found = _UNKNOWN
        return found

    def _joined(self, node: ast.BinOp, depth: int) -> str:
        left = self.pattern(node.left, depth)
        if isinstance(node.op, ast.Mod):
            return left  # its placeholders are asterisks already
        between = {ast.Div: "/", ast.Add: ""}.get(type(node.op))
        return _UNKNOWN if between is None else left + between + self.pattern(node.right, depth)

    def _part(self, part: ast.expr, depth: int) -> str:
        if isinstance(part, ast.FormattedValue):
            return self.pattern(part.value, depth + 1)
        return self.pattern(part, depth + 1)

    def _called(self, call: ast.Call, depth: int) -> str:
        if dotted(call.func) in _PATH_MAKERS:
            return "/".join(self.pattern(argument, depth + 1) for argument in call.args)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "format":
            return self.pattern(call.func.value, depth + 1)
        return _UNKNOWN


def _parameters(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Parameters of functions whose default is a text: `snapshot_path="snapshot.pt"`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            plain, named = node.args.args, node.args.kwonlyargs
            defaults: list[ast.expr | None] = [*node.args.defaults]
            pairs = [*zip(plain[len(plain) - len(defaults) :], defaults, strict=True)]
            for argument, default in [*pairs, *zip(named, node.args.kw_defaults, strict=True)]:
                if isinstance(default, ast.Constant) and isinstance(default.value, str):
                    yield argument.arg, default.value


def dotted(node: ast.expr) -> str:
    """`torch.save` of a call's function; `?` where it is none of names and dots."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "?"


def _last(node: ast.expr) -> str:
    return dotted(node).rpartition(".")[2]
