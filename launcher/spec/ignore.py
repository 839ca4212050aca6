"""What of a workdir is left out of its package, and why: ignore files, and litter."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
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
    ".launcher-replaced": "put aside by jobs in place",
}
_MARKS = {
    "pyvenv.cfg": "virtual environment",
    "conda-meta": "virtual environment",
    ".launcher-archive": "archive of a job",
}
"""What is in a folder that is never sent."""


class _Pattern:
    """One line of an ignore file, matched as git does: the path itself, not through its parents.

    pathspec also matches what lies in a matching folder. Here folders are entered only when they
    are sent, and then a line about the folder says nothing about what is in it.
    """

    def __init__(self, line: str) -> None:
        (self._pattern,) = GitIgnoreSpec.from_lines([line]).patterns
        body = line.rstrip().removeprefix("!")
        self.line = line.rstrip()
        self.leaves_out = not line.startswith("!")
        self._anchored = "/" in body.rstrip("/")
        self._all_within = body.endswith("/**")

    def names(self, path: str) -> bool:
        """Whether the line means this path, which ends with a slash when it is a folder."""
        parent, _, name = path.rstrip("/").rpartition("/")
        if not self._anchored:
            return self._matches(name + "/" * path.endswith("/"))
        if self._all_within:
            return self._matches(path.rstrip("/"))
        return self._matches(path) and not (parent and self._matches(f"{parent}/"))

    def _matches(self, path: str) -> bool:
        return self._pattern.match_file(path) is not None


@dataclass(frozen=True)
class _Rules:
    """One ignore file."""

    base: str
    """Its folder relative to the workdir, with a slash at the end; empty for the workdir itself."""
    shown: str
    """The file, for the reasons that users read."""
    patterns: tuple[_Pattern, ...]

    def verdict(self, path: str) -> tuple[bool, str] | None:
        """(left out?, reason) by the last line that means the path; None when no line does."""
        for pattern in reversed(self.patterns):
            if pattern.names(path):
                return pattern.leaves_out, f"{self.shown}: {pattern.line}"
        return None


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
    lines = file.read_text("utf-8", errors="replace").splitlines()
    return _Rules(base, shown, tuple(_patterns(lines)))


def _patterns(lines: Iterable[str]) -> Iterator[_Pattern]:
    """The lines that say something; git passes over what is no pattern, and so do we."""
    for line in lines:
        if line.strip() and not line.startswith("#"):
            with contextlib.suppress(ValueError):
                yield _Pattern(line)


def _litter(folder: Path) -> str | None:
    if folder.name in _NEVER_SENT:
        return _NEVER_SENT[folder.name]
    return next((kind for mark, kind in _MARKS.items() if (folder / mark).exists()), None)
