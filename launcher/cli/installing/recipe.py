"""How Horovod 0.28.1 is built for what came after it: PyTorch needs C++17, TensorFlow moved XLA.

Its sources stay as they are but for one line of one CMakeLists.txt; a wrapper around the compiler
does the rest. Nothing of Horovod is copied into this project. Pure.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

VERSION = "0.28.1"
SDIST = f"horovod-{VERSION}.tar.gz"
SHA256 = "92a43f5a94c43907a56805bad15f19700c62ffc83b7ca483f9e104e229f67ef0"
"""Of the sdist."""
BUILD_NEEDS = ("setuptools", "wheel", "packaging", "cloudpickle", "psutil", "pyyaml", "cffi")
RUN_NEEDS = ("packaging", "cloudpickle", "psutil", "pyyaml", "cffi")
_SINCE_DISTUTILS_LEFT = (3, 12)
_REVISION = 1
"""Of this recipe: a change of it makes wheels anew."""
_OF_THE_BUILD = tuple(
    f"HOROVOD_{word}"
    for word in ("WITH", "GPU", "CPU_OPERATIONS", "CUDA_HOME", "NCCL_", "ROCM_", "BUILD_", "DEBUG")
)
_WORDS = {"torch": "PYTORCH", "tensorflow": "TENSORFLOW"}
_UNSAFE = re.compile(r"[^\w./@:,~-]")
_XLA_SOURCE = "xla_mpi_ops.cc"
_OLD_STANDARDS = "-std=c++11|-std=gnu++11|-std=c++14|-std=gnu++14"
_PERCENT = re.compile(r"\s*\[\s*(\d{1,3})%\]\s*(.*)")
_OBJECT = re.compile(r"Building \w+ object \S*?([^/\s]+)\.o\b")

_ADVICE = (
    (
        re.compile(r"Killed.*cc1plus|cc1plus.*Killed|fatal error: Killed signal", re.DOTALL),
        "a compiler was killed for want of memory (each takes up to 2.3 GB); add --jobs 1",
    ),
    (re.compile(r"No space left on device"), "the disk is full; the build needs 1 GB"),
    (
        re.compile(r"Python\.h: No such file"),
        "the headers of this python are missing; on Debian and Ubuntu: apt install python3-dev",
    ),
    (
        re.compile(r"No matching distribution found|Could not find a version|ConnectionError"),
        "the package index was not reached or has no horovod; pip's own settings choose it",
    ),
)


@dataclass(frozen=True)
class Target:
    """The interpreter that shall have Horovod, as it describes itself. Empty: not installed."""

    python: str
    version: tuple[int, int]
    machine: str
    torch: str = ""
    tensorflow: str = ""
    paths: tuple[str, ...] = ()
    """Where it finds its packages."""
    nccl: str = ""
    """Folder of the NCCL that came with its PyTorch."""
    cuda: tuple[str, ...] = ()
    """Its frameworks that are builds for CUDA."""

    @property
    def frameworks(self) -> str:
        """For people.

        >>> Target("python", (3, 11), "x86_64", torch="2.13.0").frameworks
        'torch 2.13.0'
        """
        return " and ".join(f"{name} {version}" for name, version in self._installed().items())

    @property
    def is_for_gpus(self) -> bool:
        """Whether Horovod can be built with NCCL: not for one that knows no CUDA."""
        return set(self.cuda) == set(self._installed())

    def _installed(self) -> dict[str, str]:
        found = {"torch": self.torch, "tensorflow": self.tensorflow}
        return {name: version for name, version in found.items() if version}


@dataclass(frozen=True)
class Tools:
    """What compiles. `cmake` and `nccl` may be empty: none, or none that is of use."""

    compiler: str
    cmake: str = ""
    cuda: str = ""
    """Folder of the CUDA toolkit, when there is one."""
    nccl_include: str = ""
    nccl_library: str = ""
    """Folder that holds `libnccl.so`."""

    @property
    def has_nccl(self) -> bool:
        return bool(self.cuda and self.nccl_include and self.nccl_library)


def own_variables(env: Mapping[str, str]) -> dict[str, str]:
    """What the user says to the build himself; other variables are of training.

    >>> own_variables({"HOROVOD_WITHOUT_MPI": "1", "HOROVOD_TIMELINE": "t.json", "HOME": "/root"})
    {'HOROVOD_WITHOUT_MPI': '1'}
    """
    return {name: value for name, value in env.items() if name.startswith(_OF_THE_BUILD)}


def key(target: Target, tools: Tools, own: Mapping[str, str]) -> str:
    """The folder of a wheel: two builds that may differ never share one.

    Args:
        target: versions are part of a wheel's binary interface.
        tools: with NCCL, or without.
        own: what the user says himself.
    """
    parts = [VERSION, f"cp{''.join(map(str, target.version))}", target.machine]
    parts += [f"torch{target.torch}"] if target.torch else []
    parts += [f"tf{target.tensorflow}"] if target.tensorflow else []
    parts += ["nccl"] if tools.has_nccl else []
    if own:
        text = json.dumps(sorted(own.items())).encode()
        parts.append(hashlib.sha256(text).hexdigest()[:8])
    return _UNSAFE.sub("_", "-".join([*parts, f"r{_REVISION}"]))


def built(target: Target, own: Mapping[str, str]) -> list[str]:
    """The frameworks that are served, by their names in Horovod.

    >>> target = Target("python", (3, 11), "x86_64", "2.13.0", "2.21.0")
    >>> built(target, {}), built(target, {"HOROVOD_WITHOUT_TENSORFLOW": "1"})
    (['torch', 'tensorflow'], ['torch'])
    """
    left_out = {name for name, word in _WORDS.items() if own.get(f"HOROVOD_WITHOUT_{word}") == "1"}
    return [name for name in _WORDS if getattr(target, name) and name not in left_out]


def lacking(wheel: Iterable[str], names: Iterable[str]) -> list[str]:
    """The frameworks whose library is not where Horovod looks for it.

    Args:
        wheel: paths of the files in it.
        names: what it shall serve.
    """
    files = list(wheel)
    return [
        name
        for name in names
        if not any(file.startswith(f"horovod/{name}/mpi_lib") for file in files)
    ]


def is_safe_place(folder: str) -> bool:
    """Whether Horovod's build can be in a folder: it takes the path for a regular expression.

    >>> is_safe_place("/home/me/.cache/launcher"), is_safe_place("/home/c++/cache")
    (True, False)
    """
    return _UNSAFE.search(folder) is None


def environment(
    target: Target, tools: Tools, wrapper: str, jobs: int, own: Mapping[str, str]
) -> dict[str, str]:
    """What the build finds around it, beside the user's own variables.

    Args:
        target: what is built for it is what it has.
        tools: those that were found.
        wrapper: path of the compiler's.
        jobs: compilers at a time.
        own: what the user says himself, which wins.
    """
    found = {
        "CXX": wrapper,
        "MAKEFLAGS": f"-j{jobs}",  # without it Horovod takes -j8
        "CMAKE_POLICY_VERSION_MINIMUM": "3.5",  # for CMake 4
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "HOROVOD_WITH_GLOO": "1",
        "HOROVOD_WITHOUT_MPI": "1",
        "HOROVOD_WITHOUT_MXNET": "1",
    }
    names = built(target, own)
    found |= {
        f"HOROVOD_WITH{'' if name in names else 'OUT'}_{word}": "1" for name, word in _WORDS.items()
    }
    if tools.cmake:
        found["HOROVOD_CMAKE"] = tools.cmake
    if tools.has_nccl:
        found |= {
            "HOROVOD_GPU_OPERATIONS": "NCCL",
            "HOROVOD_CUDA_HOME": tools.cuda,
            "HOROVOD_NCCL_INCLUDE": tools.nccl_include,
            "HOROVOD_NCCL_LIB": tools.nccl_library,
            "HOROVOD_NCCL_LINK": "SHARED",
        }
    theirs = {name.replace("_WITHOUT_", "_WITH_") for name in own}
    ours = {
        name: value
        for name, value in found.items()
        if name.replace("_WITHOUT_", "_WITH_") not in theirs
    }
    return ours | dict(own)


def run_needs(target: Target) -> Sequence[str]:
    """What Horovod imports when it runs."""
    distutils = ("setuptools",) if target.version >= _SINCE_DISTUTILS_LEFT else ()
    return (*RUN_NEEDS, *distutils)


def compiler_wrapper(compiler: str) -> str:
    """A script that compiles as C++17 whatever asks for less.

    Horovod's CMakeLists.txt appends its own -std behind every flag that one could give.
    """
    return f"""\
#!/bin/sh
for word; do
  shift
  case $word in {_OLD_STANDARDS}) word=-std=c++17;; esac
  set -- "$@" "$word"
done
exec {compiler} "$@"
"""


def without_xla(cmake_lists: str) -> str:
    """horovod/tensorflow/CMakeLists.txt without the operations in XLA, off by default anyway."""
    lines = cmake_lists.splitlines(keepends=True)
    return "".join(line for line in lines if _XLA_SOURCE not in line)


def progress(line: str) -> tuple[int, str] | None:
    """How far make is, in percent, and at which file; None when a line does not tell.

    >>> progress("[ 42%] Building CXX object horovod/torch/CMakeFiles/pytorch.dir/adapter_v2.cc.o")
    (42, 'adapter_v2.cc')
    >>> progress("[ 50%] Built target gloo")
    (50, '')
    """
    found = _PERCENT.match(line)
    if found is None:
        return None
    file = _OBJECT.match(found[2])
    return min(int(found[1]), 100), file[1] if file else ""


def advice(output: Iterable[str]) -> str:
    """What to do about a failure, from what the tools said; empty when nothing is known of it."""
    text = "\n".join(output)
    return next((words for pattern, words in _ADVICE if pattern.search(text)), "")
