"""`launcher doctor --install horovod`, all of it but the six minutes of compiling Horovod itself.

A package of a few lines stands in for Horovod's, with a compiler's words and a step that can be
interrupted; `make test-horovod` builds the real one.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from launcher.cli.installing import horovod, recipe, toolchain
from launcher.cli.installing.build import Build
from launcher.errors import LauncherError

SETUP = """
import os, pathlib, subprocess, sys
from setuptools import setup
if "bdist_wheel" in sys.argv:
    print("[ 10%] Building CXX object a/CMakeFiles/a.dir/first.cc.o", flush=True)
    subprocess.run([os.environ["CXX"], "-std=c++14", "-c", "first.cc"], check=True)
    print("[ 60%] Building CXX object a/CMakeFiles/a.dir/second.cc.o", flush=True)
    begun = pathlib.Path("begun")
    if not begun.exists():
        begun.touch()
        sys.exit("error: interrupted")
    print("[100%] Built target a", flush=True)
setup(name="horovod", version="0.28.1", packages=["horovod", "horovod.torch"],
      package_data={"horovod.torch": ["*.so"]})
"""
TORCH = """
def init(): pass
def gloo_built(): return True
def nccl_built(): return False
"""
FILES = {
    "setup.py": SETUP,
    "first.cc": "static_assert(__cplusplus == 201703L);\n",
    "horovod/__init__.py": "",
    "horovod/torch/__init__.py": TORCH,
    "horovod/torch/mpi_lib_v2.so": "",
    "horovod/tensorflow/CMakeLists.txt": "a.cc\nxla_mpi_ops.cc\n",
}


def sdist(folder: Path) -> str:
    """A package of Horovod's name in the cache; its sha256."""
    file = folder / recipe.SDIST
    file.parent.mkdir(parents=True)
    with tarfile.open(file, "w:gz") as archive:
        for name, text in FILES.items():
            entry = tarfile.TarInfo(f"horovod-{recipe.VERSION}/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An environment without pip that has what this one has."""
    place = tmp_path / "project"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "ours.pth").write_text(sysconfig.get_path("purelib"))
    return place / "bin" / "python"


def test_horovod_is_built_once_for_a_python_and_goes_on_after_a_break(
    python: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(recipe, "SHA256", sdist(tmp_path / "cache" / "launcher" / "horovod"))
    monkeypatch.setenv("HOROVOD_WITHOUT_TENSORFLOW", "1")  # which may not be here
    monkeypatch.chdir(tmp_path)
    relative = os.path.relpath(python)

    with pytest.raises(LauncherError, match="could not be compiled: error: interrupted") as caught:
        horovod.install_horovod(relative, 1)
    assert caught.value.hint == "the same command goes on from here"
    horovod.install_horovod(relative, 1)
    told = capfd.readouterr()
    assert "an earlier build was interrupted: going on from there" in told.err
    assert " 10 %\n 60 %\n" in told.err
    assert told.out.startswith("Horovod 0.28.1 for torch ")
    assert told.out.endswith(f" is installed in {python}\n")
    found = subprocess.run(
        [python, "-c", "import horovod.torch as hvd; print(hvd.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.startswith(str(python.parents[1]))

    horovod.install_horovod(str(python), 1)
    again = capfd.readouterr().err
    assert "(built before)" in again
    assert "compiling" not in again
    target = toolchain.ask(str(python))
    folder = Build(target, toolchain.find(target), 1).folder
    assert sorted(path.suffix for path in folder.iterdir()) == ["", ".log", ".whl"]
