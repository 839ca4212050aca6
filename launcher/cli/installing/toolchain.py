"""What this machine compiles with, and what an interpreter says of itself."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from launcher.cli.installing.recipe import Target, Tools
from launcher.errors import LauncherError

_OLDEST_CMAKE = (3, 13)
_OLDEST_PYTHON = (3, 8)
_MEMORY_OF_A_COMPILER = 5 * 2**29
"""2.5 GiB: the largest that was seen took 2.3 GB."""
_USUAL_CUDA = "/usr/local/cuda"
_LONGEST_S = 60.0
_ASK = """
import importlib.metadata, importlib.util, json, pathlib, platform, sys

def version(*names):
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    return ""

def folder(name):
    try:
        found = importlib.util.find_spec(name)
    except ImportError:
        found = None
    places = list(found.submodule_search_locations or ()) if found else []
    return pathlib.Path(places[0] if places else "/none")

def tensorflow_has_cuda():
    told = folder("tensorflow") / "python" / "platform" / "build_info.py"
    return told.is_file() and "'is_cuda_build', True" in told.read_text()

print(json.dumps({
    "version": sys.version_info[:2],
    "machine": platform.machine(),
    "torch": version("torch"),
    "tensorflow": version("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tf-nightly"),
    "paths": [path for path in sys.path if path.endswith("-packages")],
    "nccl": str(folder("nvidia.nccl")),
    "cuda": [
        *["torch"] * (folder("torch") / "lib" / "libtorch_cuda.so").is_file(),
        *["tensorflow"] * tensorflow_has_cuda(),
    ],
}))
"""


def ask(python: str) -> Target:
    """What an interpreter has. It imports nothing of it.

    Raises:
        LauncherError: it does not answer, or has nothing that Horovod could serve.
    """
    try:
        done = subprocess.run(
            [python, "-c", _ASK],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=os.sep,
            timeout=_LONGEST_S,
            check=True,
        )
        said = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise LauncherError(
            f"{python} does not answer as a python: {_why(error)}",
            hint="--python names another one",
        ) from error
    said |= {name: tuple(said[name]) for name in ("version", "paths", "cuda")}
    target = Target(python, **said)
    if target.version < _OLDEST_PYTHON:
        raise LauncherError(
            f"{python} is Python {'.'.join(map(str, target.version))}, and 3.8 is the oldest for"
            " which Horovod is built",
            hint="--python names another one",
        )
    if not target.frameworks:
        raise LauncherError(
            f"{python} has neither torch nor tensorflow, for one of which Horovod is built",
            hint="install it there first, or --python names another one",
        )
    return target


def find(target: Target, env: Mapping[str, str] = os.environ) -> Tools:
    """The compilers of this machine.

    Raises:
        LauncherError: something is missing, with the words that install it.
    """
    path = env.get("PATH", os.defpath)
    written = env.get("CXX", "")
    names = [written] if written else ["g++", "c++", "clang++"]
    compiler = next((name for name in names if _found(name, path)), "")
    missing = [] if compiler else [f"C++ compiler ({', '.join(names)})"]
    missing += [] if shutil.which("make", path=path) else ["make"]
    if missing:
        raise LauncherError(
            f"Horovod is compiled here, and this machine has no {' and no '.join(missing)}",
            hint="on Debian and Ubuntu: apt install g++ make python3-dev; on Fedora and RHEL: dnf"
            " install gcc-c++ make python3-devel; with conda: conda install gxx make",
        )
    cuda = _cuda(env, path)
    if "torch" in target.cuda and not cuda:
        raise LauncherError(
            f"torch {target.torch} of {target.python} is a build for CUDA, and this machine has no"
            " CUDA toolkit (nvcc) to compile Horovod against",
            hint="install the toolkit, CUDA_HOME names it; or install a build of torch for CPUs",
        )
    include, library = next(_nccl_places(target, env), ("", "")) if cuda else ("", "")
    return Tools(
        compiler=compiler,
        cmake=_cmake(env.get("HOROVOD_CMAKE", "cmake"), path),
        cuda=cuda if target.is_for_gpus else "",
        nccl_include=include,
        nccl_library=library,
    )


def jobs_for(cpus: int, memory: int) -> int:
    """How many compilers fit beside each other.

    >>> jobs_for(16, 8 * 2**30), jobs_for(2, 64 * 2**30), jobs_for(4, 2**30)
    (3, 2, 1)
    """
    return max(1, min(cpus, memory // _MEMORY_OF_A_COMPILER))


def free_memory(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Bytes."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        last = error.stderr.strip().splitlines()[-1:]
        return last[0] if last else f"exit code {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"nothing within {_LONGEST_S:g} s"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return "what it says is none of its words"


def _found(command: str, path: str) -> bool:
    """Whether the first word of a command, as `ccache g++`, is a program."""
    words = shlex.split(command)
    return bool(words) and shutil.which(words[0], path=path) is not None


def _cmake(name: str, path: str) -> str:
    """The machine's cmake; empty when it has none or one that is too old."""
    found = shutil.which(name, path=path)
    if found is None:
        return ""
    done = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"(\d+)\.(\d+)", done.stdout)
    is_new = version is not None and (int(version[1]), int(version[2])) >= _OLDEST_CMAKE
    return found if is_new else ""


def _cuda(env: Mapping[str, str], path: str) -> str:
    nvcc = shutil.which("nvcc", path=path)
    places = [env.get("HOROVOD_CUDA_HOME", ""), env.get("CUDA_HOME", ""), _USUAL_CUDA]
    places += [str(Path(nvcc).resolve().parents[1])] if nvcc else []
    return next((one for one in places if one and Path(one, "bin", "nvcc").is_file()), "")


def _nccl_places(target: Target, env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Folders of `nccl.h` and of the library: the user's, PyTorch's own, the machine's."""
    homes = [env.get("HOROVOD_NCCL_HOME", ""), target.nccl, "/usr/local/nccl", "/usr"]
    for home in filter(None, homes):
        include = Path(home, "include")
        for library in ("lib", "lib64", f"lib/{target.machine}-linux-gnu"):
            folder = Path(home, library)
            if (include / "nccl.h").is_file() and any(folder.glob("libnccl.so*")):
                yield str(include), str(folder)
