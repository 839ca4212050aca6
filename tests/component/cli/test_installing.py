"""How Horovod is built: decided from what is there. Building itself is in tests/integration."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from launcher.cli.installing import build, commands, recipe, toolchain
from launcher.cli.installing.build import Build
from launcher.cli.installing.recipe import Target, Tools
from launcher.errors import LauncherError

TARGET = Target("/opt/python", (3, 11), "x86_64", "2.13.0", "2.21.0", cuda=("torch", "tensorflow"))
TOOLS = Tools("g++", "/usr/bin/cmake")
NCCL = replace(
    TOOLS, cuda="/usr/local/cuda", nccl_include="/nccl/include", nccl_library="/nccl/lib"
)


def executable(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


# --- the recipe -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        replace(TARGET, torch="2.13.0+cpu"),
        replace(TARGET, tensorflow="2.20.0"),
        replace(TARGET, tensorflow=""),
        replace(TARGET, version=(3, 12)),
        replace(TARGET, machine="aarch64"),
    ],
)
def test_wheels_of_other_versions_lie_in_other_folders(other: Target) -> None:
    assert recipe.key(TARGET, TOOLS, {}) == "0.28.1-cp311-x86_64-torch2.13.0-tf2.21.0-r1"
    assert recipe.key(other, TOOLS, {}) != recipe.key(TARGET, TOOLS, {})


def test_so_do_wheels_with_nccl_and_with_what_the_user_says_himself() -> None:
    keys = {
        recipe.key(TARGET, tools, own)
        for tools in (TOOLS, NCCL)
        for own in ({}, {"HOROVOD_WITH_MPI": "1"})
    }
    assert len(keys) == 4


def test_what_is_built_is_what_the_python_has() -> None:
    env = recipe.environment(replace(TARGET, tensorflow=""), TOOLS, "/work/cxx17", 2, {})
    assert env["HOROVOD_WITH_PYTORCH"] == env["HOROVOD_WITHOUT_TENSORFLOW"] == "1"
    assert env["HOROVOD_WITH_GLOO"] == env["HOROVOD_WITHOUT_MPI"] == "1"
    assert (env["CXX"], env["MAKEFLAGS"]) == ("/work/cxx17", "-j2")
    assert "HOROVOD_GPU_OPERATIONS" not in env


def test_gpus_talk_over_nccl_where_it_is() -> None:
    env = recipe.environment(TARGET, NCCL, "/work/cxx17", 2, {})
    assert env["HOROVOD_GPU_OPERATIONS"] == "NCCL"
    assert env["HOROVOD_NCCL_LIB"] == "/nccl/lib"


def test_the_user_has_the_last_word() -> None:
    own = {"HOROVOD_WITHOUT_TENSORFLOW": "1", "HOROVOD_WITH_MPI": "1"}
    env = recipe.environment(TARGET, NCCL, "/work/cxx17", 2, own)
    assert env.items() >= own.items()
    assert not {"HOROVOD_WITH_TENSORFLOW", "HOROVOD_WITHOUT_MPI"} & set(env)


def test_a_wheel_whose_libraries_are_not_where_horovod_looks_is_no_wheel() -> None:
    """As one that was built in a folder with a plus sign."""
    files = ["horovod/__init__.py", "tmp/c++/horovod/torch/mpi_lib_v2.cpython-311.so"]
    assert recipe.lacking([*files, "horovod/tensorflow/mpi_lib.so"], ["torch", "tensorflow"]) == [
        "torch"
    ]


def test_a_place_that_horovod_would_misread_is_refused(tmp_path: Path) -> None:
    made = Build(replace(TARGET, torch="2.13.0+cpu"), TOOLS, 1, cache=tmp_path / "c++")
    assert "+" not in made.folder.name
    with pytest.raises(LauncherError, match="it takes its path for a regular expression"):
        made.wheel()


def test_tensorflow_loses_its_operations_in_xla_and_nothing_else() -> None:
    text = 'set(SOURCES\n  "mpi_ops.cc"\n  "xla_mpi_ops.cc"\n)\n'
    assert recipe.without_xla(text) == 'set(SOURCES\n  "mpi_ops.cc"\n)\n'


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[  7%] Building CXX object gloo/CMakeFiles/gloo.dir/barrier.cc.o", "barrier.cc"),
        ("  [  7%] Building CUDA object common/CMakeFiles/k.dir/kernels.cu.o", "kernels.cu"),
        ("[  7%] Linking CXX shared library mpi_lib_v2.so", ""),
    ],
)  # fmt: skip
def test_the_words_of_make_are_progress(line: str, told: str) -> None:
    assert recipe.progress(line) == (7, told)
    assert recipe.progress("warning: 50% of it") is None


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("c++: fatal error: Killed signal terminated program cc1plus", "add --jobs 1"),
        ("cannot write: No space left on device", "the disk is full"),
        ("fatal error: Python.h: No such file or directory", "apt install python3-dev"),
        ("ERROR: No matching distribution found for horovod==0.28.1", "package index"),
        ("error: expected ';'", ""),
    ],
)
def test_known_failures_come_with_the_next_step(said: str, advice: str) -> None:
    found = recipe.advice(["make: ***", said, "exit 2"])
    assert advice in found
    assert bool(found) is bool(advice)


# --- the machine ----------------------------------------------------------------------------------


def test_a_machine_without_compiler_is_told_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(LauncherError) as caught:
        toolchain.find(TARGET, {"PATH": str(tmp_path)})
    assert caught.value.message == (
        "Horovod is compiled here, and this machine has no C++ compiler (g++, c++, clang++)"
        " and no make"
    )
    assert "apt install g++ make" in (caught.value.hint or "")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("g++", "make"):
        executable(folder / name, "exit 0")
    return folder


def test_a_build_of_torch_for_cuda_needs_the_toolkit(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "_USUAL_CUDA", str(path / "none"))
    with pytest.raises(LauncherError, match="is a build for CUDA, and this machine has no CUDA"):
        toolchain.find(TARGET, {"PATH": str(path)})
    assert toolchain.find(replace(TARGET, cuda=()), {"PATH": str(path)}).cuda == ""


def test_nccl_is_that_of_torch_unless_the_user_names_another(path: Path, tmp_path: Path) -> None:
    places = {}
    for name in ("torch", "own"):
        places[name] = tmp_path / name
        for file in ("include/nccl.h", "lib/libnccl.so.2"):
            (places[name] / file).parent.mkdir(parents=True, exist_ok=True)
            (places[name] / file).touch()
    (tmp_path / "cuda" / "bin").mkdir(parents=True)
    executable(tmp_path / "cuda" / "bin" / "nvcc", "exit 0")
    env = {"PATH": str(path), "CUDA_HOME": str(tmp_path / "cuda")}
    target = replace(TARGET, nccl=str(places["torch"]))
    assert toolchain.find(target, env).nccl_library == str(places["torch"] / "lib")
    own = env | {"HOROVOD_NCCL_HOME": str(places["own"])}
    assert toolchain.find(target, own).nccl_include == str(places["own"] / "include")
    assert toolchain.find(target, own).has_nccl
    half = replace(target, cuda=("torch",))  # TensorFlow's part could not be linked
    assert not toolchain.find(half, env).has_nccl


@pytest.mark.parametrize(
    ("version", "is_used"), [("cmake version 3.12.4", False), ("cmake version 4.0.1", True)]
)
def test_a_cmake_that_is_too_old_is_no_cmake(path: Path, version: str, is_used: bool) -> None:
    executable(path / "cmake", f"echo '{version}'")
    found = toolchain.find(replace(TARGET, cuda=()), {"PATH": str(path)}).cmake
    assert found == (str(path / "cmake") if is_used else "")


def asked(tmp_path: Path, **told: object) -> Target:
    said = {"version": [3, 11], "machine": "x86_64", "torch": "2.13.0", "tensorflow": ""}
    said |= {"paths": [], "nccl": "/none", "cuda": []}
    python = executable(tmp_path / "python", f"echo '{json.dumps(said | told)}'")
    return toolchain.ask(str(python))


def test_a_python_tells_what_it_has(tmp_path: Path) -> None:
    found = asked(tmp_path, paths=["/opt/site-packages"])
    assert (found.frameworks, found.version) == ("torch 2.13.0", (3, 11))
    assert found.paths == ("/opt/site-packages",)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"torch": ""}, "has neither torch nor tensorflow"),
        ({"version": [3, 7]}, "is Python 3.7, and 3.8 is the oldest"),
    ],
)
def test_a_python_for_which_nothing_can_be_built_is_refused(
    tmp_path: Path, told: dict[str, object], words: str
) -> None:
    with pytest.raises(LauncherError, match=words):
        asked(tmp_path, **told)


def test_what_is_no_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LauncherError, match="does not answer as a python"):
        toolchain.ask(str(executable(tmp_path / "python", "echo hello")))
    with pytest.raises(LauncherError, match="does not answer as a python"):
        toolchain.ask(str(tmp_path / "none"))


# --- the build ------------------------------------------------------------------------------------


def test_a_failed_command_is_told_by_its_error_and_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = ["sh", "-c", "echo [ 5%] a; echo x.cc:1: error: no; echo make: stopped; exit 2"]
    steps: list[tuple[int, str]] = []
    with pytest.raises(LauncherError) as caught:
        commands.run(command, "it failed", log, lambda *step: steps.append(step))
    assert caught.value.message == f"it failed: x.cc:1: error: no ({log})"
    assert log.read_text().endswith("make: stopped\n")
    assert steps == [(5, "")]


def test_a_wheel_that_is_there_is_not_built_again(tmp_path: Path) -> None:
    made = Build(replace(TARGET, python="/nowhere"), TOOLS, 1, cache=tmp_path, say=str)
    made.folder.mkdir(parents=True)
    wheel = made.folder / "horovod-0.28.1-cp311-cp311-linux_x86_64.whl"
    wheel.touch()
    assert made.wheel() == wheel


def test_another_file_than_the_released_one_is_not_built(tmp_path: Path) -> None:
    made = Build(TARGET, TOOLS, 1, cache=tmp_path)
    sdist = tmp_path / recipe.SDIST
    sdist.write_bytes(b"something else")
    with pytest.raises(LauncherError, match="is not the one that was released"):
        made._download()
    assert not sdist.exists()


def test_the_cache_is_where_xdg_says() -> None:
    assert build.cache_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/launcher/horovod")
    assert build.cache_folder({}) == Path.home() / ".cache" / "launcher" / "horovod"
