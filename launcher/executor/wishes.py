"""What makes two jobs want the same environment: texts, versions and interpreter, as digests."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from launcher.executor.preparing import SetupError
from launcher.model.launch import Requirements

_INCLUDE = re.compile(r"^(?:-r|--requirement|-c|--constraints?)(?:\s+|=)(\S+)")
_SOURCE = re.compile(
    r"^(-i|--index-url|--extra-index-url|-f|--find-links|--no-index|--no-binary|--only-binary"
    r"|--pre|--trusted-host)\b"
)
_PLACE = re.compile(r"((?:-i|-f|--[a-z-]+)(?:\s+|=))(\S+)")
_LOCAL = re.compile(r"^(\.|/|file:)|@\s*(file:|\.|/)|^[^:]*\.(whl|zip|tar\.gz)\s*$")
_WHO = (
    "import sys, platform; print(sys.version.split()[0]);"
    "print(sys.implementation.name, sys.version, platform.machine(), sys.base_prefix)"
)
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Recipe:
    """All that an environment depends on."""

    python: str
    """Path of the interpreter that it is made with."""
    version: str
    identity: str
    """Of that interpreter, wherever it lies."""
    texts: dict[str, str]
    """Every text that the requirements consist of, by file; those of a list under ""."""
    code: str
    """sha256 of the workdir, when packages of it are among the requirements."""

    @property
    def wish(self) -> str:
        """Names what is wanted, versions yet unknown."""
        return digest_of(self.texts, self.identity, self.code)

    def key(self, lock: str) -> str:
        """Names the environment that the versions of a lock make."""
        return digest_of(lock, self.identity, self.code)


def recipe(wanted: Requirements, python: str, work: Path, code: str) -> Recipe:
    """What a job's requirements mean on this node.

    Raises:
        SetupError: a file of them is missing, or the interpreter does not run.
    """
    # Not of somebody's environment, which he may remove while ours is used, but of what it is of.
    python = os.path.realpath(python)
    version, told = identity(python)
    texts = texts_of(wanted, work)
    return Recipe(python, version, told, texts, code if is_local(texts.values()) else "")


def texts_of(wanted: Requirements, work: Path) -> dict[str, str]:
    """Every text of the requirements, by file; those of a list under "".

    Raises:
        SetupError: a file is missing.
    """
    found: dict[str, str] = {}
    if wanted.file:
        _read(wanted.file, work, found)
    else:
        found[""] = "".join(f"{line}\n" for line in wanted.lines)
        _read_included("", wanted.lines, work, found)
    return found


def options_of(texts: Mapping[str, str], work: Path) -> list[str]:
    """The lines that say where packages come from: whoever installs the versions needs them too.

    Folders in them are relative to the file that names them, and then to nothing.
    """
    found = (
        with_whole_path(line.strip(), work / posixpath.dirname(name))
        for name, text in texts.items()
        for line in text.splitlines()
        if _SOURCE.match(line.strip())
    )
    return list(dict.fromkeys(found))


def with_whole_path(option: str, folder: Path) -> str:
    """An option of a requirements file in whose folder it stands; other lines stay as they are."""
    match = _PLACE.fullmatch(option)
    if match is None or "://" in match[2] or not (folder / match[2]).exists():
        return option
    return f"{match[1]}{folder / match[2]}"


def is_local(texts: Iterable[str]) -> bool:
    """Whether some package is a file or folder of the workdir, which no version names."""
    lines = (line.split(" #")[0].strip() for text in texts for line in text.splitlines())
    return any(_LOCAL.search(line) for line in lines if not line.startswith(("-", "#")))


def digest_of(*parts: object) -> str:
    """A short name for all of the parts together."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def identity(python: str) -> tuple[str, str]:
    """Version of an interpreter, and all that tells it from others.

    Raises:
        SetupError: it does not run.
    """
    try:
        done = subprocess.run(
            [python, "-I", "-S", "-c", _WHO],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.CalledProcessError as error:
        words = (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
        raise SetupError(f"{python} is no python that runs: {words}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{python} is no python that runs: {error}") from error
    version, _, rest = done.stdout.partition("\n")
    return version, rest


def _read(name: str, work: Path, found: dict[str, str]) -> None:
    if name in found:
        return
    try:
        found[name] = (work / name).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"python.requirements: {name} cannot be read: {error}") from error
    if not name.endswith(".toml"):
        _read_included(name, found[name].splitlines(), work, found)


def _read_included(name: str, lines: Iterable[str], work: Path, found: dict[str, str]) -> None:
    for line in lines:
        match = _INCLUDE.match(line.strip())
        if match and "://" not in match[1]:
            inside = posixpath.join(posixpath.dirname(name), match[1])
            _read(posixpath.normpath(inside), work, found)
