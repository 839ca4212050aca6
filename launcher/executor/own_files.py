"""A program's own files, as far as they tell how it may be started: imports, and what it sets.

Pure but for reading. `launcher.executor.preloads` says what follows.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

KNOWN: Mapping[str, tuple[str, ...]] = {
    # DDP and the first step of an optimizer import the latter two.
    "torch": ("torch.distributed", "torch.nn.parallel", "torch._dynamo"),
    "tensorflow": (),
    "keras": (),
    "jax": ("jax.numpy",),
    "flax": (),
    "optax": (),
    "numpy": (),
    "pandas": (),
    "scipy": (),
    "sklearn": (),
    "torchvision": (),
    "transformers": (),
}
"""Packages that may be preloaded, with what of them programs need soon and do not name. Importing
one starts no thread that would be missing after a fork, and takes no GPU; the preloader looks."""
HARMLESS = frozenset(
    {
        *("launcher", "tqdm", "yaml", "PIL", "matplotlib", "requests", "click", "rich", "psutil"),
        *("packaging", "absl", "einops", "typing_extensions", "horovod"),
    }
)
"""Packages that may come before them: they set no variable that those read."""
EARLY = re.compile(
    r"PYTHON|LD_|GLIBC_|MALLOC_|LC_|LANG|TZ$|HOME$|TMPDIR$|XDG_|MPL|VIRTUAL_ENV$|CONDA_"
    r"|[KG]?OMP_|MKL_|OPENBLAS_|BLIS_|GOTO_|NUMEXPR_|NPY_|NUMPY_|SCIPY_|SKLEARN_|PANDAS_|NUMBA_"
    r"|(PY)?TORCH|ATEN_|DNNL_|ONEDNN_|CU|NVIDIA_|NCCL_|GLOO_|UCX_|FI_|TRITON_|HSA_|HIP_|ROCM_|ROCR_"
    r"|TF|XLA_|JAX|LIBTPU|TPU_|KERAS_|FLAX_|ABSL_|GRPC_|PROTOCOL_BUFFERS_|SSL_|HF_|TRANSFORMERS_"
)
"""Beginnings of variables that are read while packages are imported or native code is loaded."""
LATE = frozenset(
    {
        *("CUDA_VISIBLE_DEVICES", "TF_CONFIG", "JAX_COORDINATOR_ADDRESS", "JAX_PROCESS_ID"),
        *("JAX_NUM_PROCESSES", "JAX_LOCAL_DEVICE_IDS", "TORCHELASTIC_RUN_ID"),
        *("TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_MAX_RESTARTS", "TORCHELASTIC_ERROR_FILE"),
        *("TORCHELASTIC_USE_AGENT_STORE", "HF_TOKEN", "NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME"),
        "PYTHONPATH",
    }
)
"""Those that look like it, and are read when the ranks meet, or given to each rank anew."""
_ENVIRON_CALLS = frozenset({"update", "setdefault", "pop", "clear", "popitem"})
_MOST_FILES, _MOST_BYTES = 300, 8 << 20


def is_early(name: str) -> bool:
    """Whether a variable's value counts while packages are imported."""
    return name not in LATE and EARLY.match(name) is not None


class OwnFiles:
    """The files of a program that it imports of its own folder, in the order in which they run."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: set[Path] = set()
        self._later: list[Path] = []
        self._bytes = 0
        self._is_known = True
        self.modules: dict[str, None] = {}
        self.reason = ""

    def read(self, first: Path) -> None:
        """Read the file that is run, all that it imports, then what its functions import."""
        self._run(first)
        while self._later and not self.reason:
            self._later_on(self._later.pop())

    def _parsed(self, file: Path) -> ast.Module | None:
        if self.reason or file in self._seen:
            return None
        self._seen.add(file)
        source = file.read_bytes()
        self._bytes += len(source)
        if len(self._seen) > _MOST_FILES or self._bytes > _MOST_BYTES:
            self.reason = "it has very many files"
            return None
        tree = ast.parse(source)
        self.reason = next((f"{file.name} {why}" for why in _changes(tree)), "")
        self._later += [
            own
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name, _ in _names(node, file, self._root)
            for own in _chain(name, self._root)
        ]
        return tree

    def _later_on(self, file: Path) -> None:
        self._is_known = False
        self._run(file)

    def _run(self, file: Path) -> None:
        tree = self._parsed(file)
        for node, is_certain in _run_at_once(tree.body if tree else []):
            for name, is_module in _names(node, file, self._root):
                self._import(name, is_certain=is_certain and is_module)

    def _import(self, name: str, *, is_certain: bool) -> None:
        package = name.partition(".")[0]
        own = list(_chain(name, self._root))
        for file in own:
            self._run(file)
        if own or not package:
            return
        if package in KNOWN:
            if is_certain and self._is_known:
                for module in (package, *KNOWN[package], name):
                    self.modules.setdefault(module)
        elif package not in HARMLESS and package not in sys.stdlib_module_names:
            self._is_known = False  # it may set variables for those that come after it


def _run_at_once(
    body: Sequence[ast.stmt], *, is_certain: bool = True
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """The imports that importing a file runs, in order, and whether each surely is run."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, is_certain
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                continue
            for part in ("body", "handlers", "orelse", "finalbody"):
                inner = getattr(node, part, ())
                for each in inner:
                    below = each.body if isinstance(each, ast.ExceptHandler) else [each]
                    yield from _run_at_once(below, is_certain=False)


def _names(node: ast.Import | ast.ImportFrom, file: Path, root: Path) -> Iterator[tuple[str, bool]]:
    """Dotted names that an import may find, and whether each is surely a module."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, True) for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        folder = file.parent
        for _ in range(node.level - 1):
            folder = folder.parent
        try:
            package = ".".join(folder.relative_to(root).parts)
        except ValueError:
            return
        base = ".".join(part for part in (package, base) if part)
    if base:
        yield base, True
    yield from ((f"{base}.{alias.name}".lstrip("."), False) for alias in node.names)


def file_of(name: str, root: Path) -> Path | None:
    """The file of the program's folder that a dotted name is; None: it is none of its own."""
    path = root.joinpath(*name.split("."))
    for file in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def _chain(name: str, root: Path) -> Iterator[Path]:
    """The files that importing a dotted name runs: its packages', then its own."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        file = file_of(".".join(parts[:count]), root)
        if file is not None:
            yield file


def _changes(tree: ast.AST) -> Iterator[str]:
    """What a file does to things that packages look at while they are imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete):
            targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
            for target in targets:
                yield from _written(target, grows=isinstance(node, ast.AugAssign))
        elif isinstance(node, ast.Call):
            yield from _called(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name.partition(".")[0] for alias in node.names}
            names.add((getattr(node, "module", None) or "").partition(".")[0])
            if "dotenv" in names:
                yield "reads variables from a file of its own"


def _written(target: ast.expr, *, grows: bool) -> Iterator[str]:
    if isinstance(target, ast.Tuple | ast.List):
        for each in target.elts:
            yield from _written(each, grows=grows)
        return
    place = target.value if isinstance(target, ast.Subscript) else target
    text = ast.unparse(place)
    if _is_environ(text):
        name = target.slice if isinstance(target, ast.Subscript) else None
        if not _is_harmless(name):
            yield f"sets {ast.unparse(target)}"
    elif text == "sys.path":
        if not (grows and target is place):  # `sys.path += [...]` adds at its end
            yield "changes where python looks for modules (sys.path)"
    elif text in {"sys.modules", "sys.meta_path", "sys.path_hooks"}:
        yield f"changes {text}"


def _called(node: ast.Call) -> Iterator[str]:
    if not isinstance(node.func, ast.Attribute | ast.Name):
        return
    text = ast.unparse(node.func)
    place, _, what = text.rpartition(".")
    is_environ = _is_environ(place) and what in _ENVIRON_CALLS
    if is_environ or what in {"putenv", "unsetenv"}:
        names = _keys(node) if what == "update" else iter([*node.args, None][:1])
        if not all(map(_is_harmless, names)):
            yield f"sets variables by {text}"
    elif place == "sys.path" and what not in {"append", "extend", "index", "count", "copy"}:
        yield "changes where python looks for modules (sys.path)"
    elif place in {"sys.modules", "sys.meta_path", "sys.path_hooks"} and what != "get":
        yield f"changes {place}"
    elif what in {"setdlopenflags", "load_dotenv"}:
        yield f"calls {what}"


def _keys(node: ast.Call) -> Iterator[ast.expr | None]:
    """The names that a call of `update` sets; None for one that cannot be seen."""
    for argument in node.args:
        if isinstance(argument, ast.Dict):
            yield from argument.keys
        else:
            yield None
    for keyword in node.keywords:
        yield ast.Constant(keyword.arg) if keyword.arg else None


def _is_environ(text: str) -> bool:
    return text in {"os.environ", "environ", "os.environb", "environb"}


def _is_harmless(name: ast.expr | None) -> bool:
    """Whether a variable's name can be seen, and the variable is not read early."""
    return (
        isinstance(name, ast.Constant)
        and isinstance(name.value, str)
        and (not is_early(name.value) or name.value == "PYTHONPATH")
    )
