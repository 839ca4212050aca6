"""What people write under `python.requirements`, and what is wrong with it before uv sees it.

uv reads requirements on the nodes, with its own words for what is wrong in them. Told here are the
mistakes that are seen without an index: a file that is not there, or that is of another tool.
"""

from __future__ import annotations

import difflib
import posixpath
import re
from pathlib import Path
from typing import Any

from launcher.spec.values import WrongValueError, each, kind_of, sendable

_OPTION_WITH_FILE = re.compile(r"^\s*(?:-r|--requirement|-c|--constraints?)(?:\s+|=)(\S+)")
_EDITABLE = re.compile(r"^\s*(-e|--editable)\b")
_SINGLE_EQUALS = re.compile(r"^\s*([A-Za-z0-9._-]+(?:\[[^\]]*\])?)\s*=\s*([0-9][^=\s]*)\s*$")
_NO_OPERATOR = re.compile(r"^\s*([A-Za-z0-9._-]+)\s+v?([0-9]+(?:\.[0-9]+)*)\s*$")
_OF_OTHER_TOOLS = {
    ".lock": "is a lock of another tool; write it as requirements: uv export > requirements.txt",
    ".yaml": "is of conda; make its environment and write python.interpreter",
    ".yml": "is of conda; make its environment and write python.interpreter",
    "Pipfile": "is of pipenv; write a list: pipenv requirements > requirements.txt",
}


def requirements_value(value: object) -> str | tuple[str, ...]:
    """A file's name, or a list of lines as such a file has them."""
    if isinstance(value, str):
        return _file_name(value)
    if not isinstance(value, list | tuple):
        raise WrongValueError(
            "expected a file, as requirements.txt, or a list, as [numpy, torch>=2.4], "
            f"found {kind_of(value)}"
        )
    if not value:
        raise WrongValueError("is empty; write packages, as [numpy, torch>=2.4]")
    return each(value, _line)


def _file_name(text: str) -> str:
    if not text.strip():
        raise WrongValueError("is empty; write a file, as requirements.txt, or remove the line")
    name = posixpath.normpath(sendable(text).strip())
    if posixpath.isabs(name) or name.startswith("~"):
        raise WrongValueError(
            "{value} is not of the workdir, so it is not sent; write its path within the workdir"
        )
    if name == ".." or name.startswith("../"):
        raise WrongValueError("{value} lies outside of the workdir; copy it into the workdir")
    for ending, words in _OF_OTHER_TOOLS.items():
        if name.endswith(ending):
            raise WrongValueError(f"{{value}} {words}")
    return name


def _line(line: Any, index: int) -> str:
    if not isinstance(line, str):
        raise WrongValueError('{value} is not text; quote it: "{value}"', at=(index,))
    problem = _problem(sendable(line))
    if problem:
        raise WrongValueError(problem, at=(index,))
    return line.strip()


def _problem(line: str) -> str:
    if not line.strip():
        return "is empty; write a package, as numpy>=1.26, or remove the line"
    if "\n" in line.strip():
        return "holds several lines; write each as an item of the list"
    if _EDITABLE.match(line):
        return (
            "{value}: an environment serves several jobs, so none of its packages is editable; "
            "write the folder without -e"
        )
    if found := _SINGLE_EQUALS.match(line):
        return f"{{value}}: a version is written with ==; did you mean {found[1]}=={found[2]}"
    if found := _NO_OPERATOR.match(line):
        return f"{{value}}: there is no == in it; did you mean {found[1]}=={found[2]}"
    return ""


def needed_requirements(file: str, workdir: Path) -> tuple[str, ...]:
    """The file and all that it includes by -r and -c, relative to the workdir.

    Raises:
        WrongValueError: one of them is missing, leads outside, or has a line that cannot stand.
    """
    found: dict[str, None] = {}
    waiting = [file]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = None
        text = _read(name, file, workdir)
        if not name.endswith(".toml"):
            waiting += _included(name, text)
    return tuple(found)


def _read(name: str, root: str, workdir: Path) -> str:
    path = workdir / name
    what = repr(name) if name == root else f"{root} includes {name}, which"
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise WrongValueError(f"{what} is not UTF-8 text") from None
    except IsADirectoryError:
        raise WrongValueError(f"{what} is a folder") from None
    except (FileNotFoundError, NotADirectoryError):
        advice = _instead(name, workdir) if name == root else ""
        raise WrongValueError(f"{what} is not in the workdir {workdir}{advice}") from None
    except OSError as error:
        raise WrongValueError(f"{what} cannot be read: {error.strerror}") from None


def _instead(name: str, workdir: Path) -> str:
    files = [path.name for path in workdir.glob("*") if path.suffix in {".txt", ".toml", ".in"}]
    near = difflib.get_close_matches(name, files, n=2)
    if near:
        return f"; did you mean {' or '.join(near)}"
    packages = [word for word in re.split(r"[\s,]+", name) if word]
    looks_like_packages = all(re.fullmatch(r"[A-Za-z0-9._\[\]<>=!~-]+", word) for word in packages)
    if looks_like_packages and not name.endswith((".txt", ".in", ".toml")):
        return f"; packages are written as a list: [{', '.join(packages)}]"
    return ""


def _included(name: str, text: str) -> list[str]:
    included = []
    for number, line in enumerate(text.splitlines(), start=1):
        if _EDITABLE.match(line):
            raise WrongValueError(
                f"{name}:{number}: an environment serves several jobs, so none of its packages is "
                "editable; write the folder without -e"
            )
        match = _OPTION_WITH_FILE.match(line)
        if match is None or "://" in match[1] or posixpath.isabs(match[1]):
            continue
        inside = posixpath.normpath(posixpath.join(posixpath.dirname(name), match[1]))
        if inside.startswith("../"):
            raise WrongValueError(f"{name}:{number}: {match[1]} lies outside of the workdir")
        included.append(inside)
    return included
