"""Packages made on the spot, so that environments are built without a network."""

from __future__ import annotations

import base64
import hashlib
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path


def write_wheel(
    folder: Path, name: str, version: str = "1.0", *, requires: Sequence[str] = ()
) -> Path:
    """A wheel of one module, whose `VERSION` tells which one it is."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{name}/__init__.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": head + "".join(f"Requires-Dist: {other}\n" for other in requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    rows = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def slow_package(mark: Path, name: str = "slow", seconds: float = 1000.0) -> dict[str, str]:
    """Files of a package whose build writes its process id into `mark`, then takes so long."""
    backend = f"""
import os, pathlib, time
pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))
def build_wheel(*_, **__):
    time.sleep({seconds})
    raise SystemExit("this package is never built")
build_editable = build_wheel
"""
    project = f"""
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "{name}"
version = "1.0"
"""
    return {f"{name}/pyproject.toml": project, f"{name}/backend.py": backend}


def other_python() -> str | None:
    """An interpreter of another minor version than ours, which has none of our packages."""
    import sys

    names = [*(f"python3.{minor}" for minor in (8, 10, 12, 13, 9, 11)), "pypy3"]
    kept = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
    found = [shutil.which(name) for name in names] + [str(path) for path in kept]
    for path in found:
        version = _version(path) if path else None
        if version and (3, 8) <= version != sys.version_info[:2]:
            return path
    return None


def _version(path: str) -> tuple[int, int] | None:
    import subprocess

    code = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    words = done.stdout.split()
    return (int(words[0]), int(words[1])) if len(words) == 2 else None
