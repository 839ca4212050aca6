"""Reads `entrypoint`: the program as its author runs it.

No shell reads the line of a python program, so words that only a shell understands are refused
instead of reaching the program as they stand.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Sequence

from launcher.model.launch import Entrypoint
from launcher.spec.shellwords import split_line
from launcher.spec.translation import is_launch_line, translate
from launcher.spec.values import WrongValueError

_PYTHON = re.compile(r"python3?")
_OTHER_PYTHON = re.compile(r"(.*/)?python[\d.]*")
_FLAG = re.compile(r"-[bBdEIOPqRsSuvx]+")
_FLAG_WITH_VALUE = re.compile(r"-[XW]")
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


def parse_entrypoint(value: str | Sequence[str], framework: str) -> Entrypoint:
    """The program that `entrypoint` means under a framework.

    >>> parse_entrypoint("python -u train.py --epochs 5", "pytorch").argv
    ('train.py', '--epochs', '5')

    Raises:
        WrongValueError: the text says what cannot be read and what to write instead.
    """
    _refuse_other_launchers(value, framework)
    if framework == "command":
        if isinstance(value, str):
            return Entrypoint("shell", (value,))
        return Entrypoint("exec", tuple(value))
    return _python_program(split_line(value) if isinstance(value, str) else list(value))


def one_line(words: Sequence[str], framework: str) -> str | list[str]:
    """Words as people write them: one line where it means the same; else the list."""
    line = shlex.join(words)
    try:
        same = parse_entrypoint(line, framework) == parse_entrypoint(list(words), framework)
    except WrongValueError:
        return list(words)  # the complaint comes when the draft is judged
    return line if same else list(words)


def is_python(argv: Sequence[str]) -> bool:
    """Whether a command line reads as a python program: the guess of `launcher run`."""
    return argv[0].endswith(".py") or argv[0] == "-m" or bool(_OTHER_PYTHON.fullmatch(argv[0]))


def program_name(program: Entrypoint) -> str:
    """What to call a job that has no name: its script, module or executable."""
    if program.kind == "shell":
        return "command"
    first = program.argv[0]
    if program.kind == "exec" and _OTHER_PYTHON.fullmatch(first):
        first = next((word for word in program.argv if word.endswith(".py")), first)
    if program.kind == "module":
        return first.rsplit(".", 1)[-1]
    return posixpath.splitext(posixpath.basename(first))[0]


def _refuse_other_launchers(value: str | Sequence[str], framework: str) -> None:
    """What is still here was not translated: a line within a script, or a spec made in python."""
    if isinstance(value, str):
        lines = [line.split() for line in value.replace("\\\n", " ").splitlines()]
    else:
        lines = [list(value)]
    for words in lines:
        line = translate(words) if is_launch_line(words) else None
        if line is None:
            continue
        other = line.framework if framework != line.framework else ""
        raise WrongValueError(
            f"{line.tool} is not needed, the launcher starts the processes itself; "
            f"write {line.spec_words(framework=other)}"
        )


def _python_program(words: list[str]) -> Entrypoint:
    if not words:
        raise WrongValueError("is empty; write the program, as train.py --epochs 5")
    _refuse_other_first_words(words[0])
    explicit = bool(_PYTHON.fullmatch(words[0]))
    flags, rest = _python_flags(words[1:]) if explicit else ((), words)
    if not rest:
        raise WrongValueError(
            "{value} names no program; write python train.py or -m package.module"
        )
    if rest[0] == "-m":
        if len(rest) < 2 or not _MODULE.fullmatch(rest[1]):
            raise WrongValueError(_no_module(rest[1:2]))
        return Entrypoint("module", tuple(rest[1:]), flags)
    _check_script(rest[0])
    return Entrypoint("script", tuple(rest), flags)


def _no_module(words: list[str]) -> str:
    if not words or not words[0].strip("./"):
        return "-m needs the name of a module, as -m package.module"
    near = words[0].removeprefix("./").removesuffix(".py").replace("/", ".")
    return f"{words[0]!r} is not the name of a module; did you mean -m {near}"


def _refuse_other_first_words(word: str) -> None:
    assignment = _ASSIGNMENT.fullmatch(word)
    if assignment:
        name, value = assignment.groups()
        raise WrongValueError(
            f'no shell reads this line; write {name} under env: {{{name}: "{value}"}}'
        )
    if _OTHER_PYTHON.fullmatch(word) and not _PYTHON.fullmatch(word):
        path = word if "/" in word else f"/path/to/{word}"
        raise WrongValueError(
            f"write only python here, and which one under python: {{interpreter: {path}}}"
        )


def _python_flags(words: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """The interpreter's own flags, and what follows them."""
    flags: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-m":
        word = rest.pop(0)
        if _FLAG_WITH_VALUE.fullmatch(word) and rest:
            flags += [word, rest.pop(0)]
        elif _FLAG.fullmatch(word) or (_FLAG_WITH_VALUE.match(word) and len(word) > 2):
            flags.append(word)
        elif word == "-c":
            raise WrongValueError("python -c is not read here; put the program into a file")
        else:
            raise WrongValueError(f"python flag {word!r} is not known here; remove it")
    return tuple(flags), rest


def _check_script(script: str) -> None:
    if script.endswith(".ipynb"):
        raise WrongValueError(
            f"a notebook is not run; make a script of it: jupyter nbconvert --to script {script}"
        )
    if not script.endswith(".py"):
        raise WrongValueError(
            f"{script!r} is not a python program: expected x.py, python x.py or -m package.module; "
            "for any other program write framework: command"
        )
    if script.startswith("/") or posixpath.normpath(script).startswith("../"):
        raise WrongValueError(
            f"{script!r} lies outside the workdir, and only the workdir is sent; "
            "set workdir to its folder"
        )
