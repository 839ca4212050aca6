"""Other releases of launcher beside this one: the one before, from a wheel, and the one to come.

A release's environment has its own `launcher` and borrows everything else from that of the tests.
The release before is the newest tag, or the wheel that LAUNCHER_PREVIOUS_WHEEL names; as long as
nothing was released the newest commit stands for it.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHEEL = "LAUNCHER_PREVIOUS_WHEEL"
_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Release:
    """`python`: runs this release as `python -m launcher`."""

    version: str
    python: str


def missing() -> str:
    """Why the release before cannot be had here; empty when it can."""
    if os.environ.get(WHEEL):
        return ""
    try:
        _git("rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError) as error:
        return f"the release before is built from git, which does not answer: {error}"
    return ""


def previous(folder: Path) -> Release:
    """The release before this one, installed from its wheel."""
    named = os.environ.get(WHEEL)
    wheel = Path(named) if named else _wheel_of(_newest_tag() or "HEAD", folder / "build")
    return _installed(wheel, folder / "previous")


def coming(folder: Path) -> Release:
    """The code of this tree as the next release, whose wire has been counted on by one."""
    release = _environment(folder / "coming")
    package = release / "launcher"
    shutil.copytree(ROOT / "launcher", package, ignore=shutil.ignore_patterns("__pycache__"))
    init = package / "__init__.py"
    major = _number(init, r"__version__ = .(\d+)") + 1
    version = f"{major}.0.0"
    _replace(init, r"__version__ = .*", f'__version__ = "{version}"')
    wire = package / "model" / "wire.py"
    counted = _number(wire, r"WIRE_VERSION = (\d+)") + 1
    _replace(wire, r"WIRE_VERSION = \d+", f"WIRE_VERSION = {counted}")
    return Release(version, str(folder / "coming" / "bin" / "python"))


def _newest_tag() -> str:
    tags = _git("tag", "--list", "v*", "--sort=-version:refname").split()
    return tags[0] if tags else ""


def _wheel_of(commit: str, folder: Path) -> Path:
    source = folder / "source"
    source.mkdir(parents=True)
    archive = folder / "source.tar"
    _git("archive", f"--output={archive}", commit)
    _run("tar", "-xf", str(archive), "-C", str(source))
    _run(
        *(sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet"),
        *("--disable-pip-version-check", f"--wheel-dir={folder}", str(source)),
    )
    [wheel] = folder.glob("*.whl")
    return wheel


def _installed(wheel: Path, folder: Path) -> Release:
    packages = _environment(folder)
    _run(
        *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"),
        *("--disable-pip-version-check", f"--target={packages}", str(wheel)),
    )
    [found] = importlib.metadata.distributions(name="trainlaunch", path=[str(packages)])
    return Release(found.version, str(folder / "bin" / "python"))


def _environment(folder: Path) -> Path:
    """A new environment; gives the folder of its own packages, which come before the borrowed."""
    venv.create(folder, symlinks=True, with_pip=False)
    (packages,) = folder.glob("lib/python3*/site-packages")
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "borrowed.pth").write_text("".join(f"{path}\n" for path in sorted(borrowed)))
    return packages


def _replace(file: Path, pattern: str, text: str) -> None:
    changed, count = re.subn(pattern, text, file.read_text(), count=1)
    assert count == 1, f"{file} has no {pattern}"
    file.write_text(changed)


def _number(file: Path, pattern: str) -> int:
    found = re.search(pattern, file.read_text())
    assert found, f"{file} has no {pattern}"
    return int(found[1])


def _git(*words: str) -> str:
    return _run("git", "-C", str(ROOT), *words)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout
