"""What of a workdir is left out of its package, and why: ignore files, and litter."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

IGNORE_FILES = (".launcherignore", ".gitignore")
"""The first that speaks about a path decides: `!data/` in .launcherignore undoes .gitignore."""

_NEVER_SENT = {
    ".git": "version control",
    ".hg": "version control",
    ".svn": "version control",
    "__pycache__": "compiled python",
    ".venv": "virtual environment",
}
_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")


@dataclass(frozen=True)
class _Rules:
    """One ignore file."""

    base: str
    """Its folder relative to the workdir, with a slash at the end; empty for the workdir itself."""
    shown: str
    """The file, for the reasons that users read."""
    lines: tuple[str, ...]
    spec: GitIgnoreSpec

    def verdict(self, path: str) -> tuple[bool, str] | None:
        """(left out?, reason), or None when the file says nothing about the path."""
        result = self.spec.check_file(path)
        if result.include is None or result.index is None:
            return None
        return result.include, f"{self.shown}: {self.lines[result.index]}"


class Ignored:
    """Judges the paths of one workdir. Folders are entered from the top, as git does."""

    def __init__(self, workdir: Path) -> None:
        self._rules: dict[str, list[_Rules]] = {name: [] for name in IGNORE_FILES}
        self._outer = _outer_rules(workdir)

    def enter(self, folder: Path, relative: str) -> None:
        """Reads the ignore files of a folder.

        Args:
            folder: the folder.
            relative: the same, relative to the workdir, with a slash at the end; empty: workdir.
        """
        for name in IGNORE_FILES:
            rules = _read(folder / name, relative, f"{relative}{name}")
            if rules:
                self._rules[name].append(rules)

    def reason(self, path: str, *, folder: Path | None = None) -> str | None:
        """Why a path is left out; None: it is sent.

        Args:
            path: relative to the workdir, with slashes.
            folder: where it is, when it is a folder.
        """
        if folder is not None:
            litter = _litter(folder)
            if litter:
                return litter
            path += "/"
        for name in IGNORE_FILES:
            verdict = self._verdict(name, path)
            if verdict is not None:
                return verdict[1] if verdict[0] else None
        return None

    def _verdict(self, name: str, path: str) -> tuple[bool, str] | None:
        """What the deepest file of a name that speaks about the path says."""
        for rules in reversed(self._rules[name]):
            if path.startswith(rules.base):
                verdict = rules.verdict(path[len(rules.base) :])
                if verdict is not None:
                    return verdict
        if name == ".gitignore":
            for prefix, rules in reversed(self._outer):
                verdict = rules.verdict(prefix + path)
                if verdict is not None:
                    return verdict
        return None


def _outer_rules(workdir: Path) -> list[tuple[str, _Rules]]:
    """.gitignore files above a workdir that lies in a git checkout, from the checkout's top down.

    None of them counts when they ignore the workdir itself: then it is sent on purpose.
    """
    above = list(workdir.parents)
    top = next((index for index, folder in enumerate(above) if (folder / ".git").exists()), None)
    if top is None or (workdir / ".git").exists():
        return []
    found = []
    for folder in reversed(above[: top + 1]):
        prefix = workdir.relative_to(folder).as_posix() + "/"
        shown = os.path.relpath(folder / ".gitignore", workdir)
        rules = _read(folder / ".gitignore", "", shown)
        if rules:
            found.append((prefix, rules))
    ignored = any((rules.verdict(prefix) or (False, ""))[0] for prefix, rules in found)
    return [] if ignored else found


def _read(file: Path, base: str, shown: str) -> _Rules | None:
    if not file.is_file():
        return None
    text = file.read_text("utf-8", errors="replace")
    lines = tuple(line for line in text.splitlines() if _is_pattern(line))
    return _Rules(base, shown, lines, GitIgnoreSpec.from_lines(lines))


def _is_pattern(line: str) -> bool:
    """Whether a line says something; git passes over one that is no pattern, and so do we."""
    if not line.strip() or line.startswith("#"):
        return False
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _litter(folder: Path) -> str | None:
    if folder.name in _NEVER_SENT:
        return _NEVER_SENT[folder.name]
    if any((folder / mark).exists() for mark in _ENVIRONMENT_MARKS):
        return "virtual environment"
    return None
