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
from launcher.spec.values import WrongValueError

_PYTHON = re.compile(r"python3?")
_OTHER_PYTHON = re.compile(r"(.*/)?python[\d.]*")
_FLAG = re.compile(r"-[bBdEIOPqRsSuvx]+")
_FLAG_WITH_VALUE = re.compile(r"-[XW]")
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)

_LAUNCHER = re.compile(
    r"(torchrun|accelerate\s+launch|horovodrun|deepspeed"
    r"|\S*python[\d.]*\s+(?:-u\s+)?-m\s+torch\.distributed\.(?:run|launch))(?=\s|$)"
)
_PROCESSES = re.compile(
    r"--(?:nproc[-_]per[-_]node|num[-_]processes|num[-_]gpus)[\s=]+(\d+)|-np\s+(\d+)"
)
_NODES = re.compile(r"--nnodes[\s=]+(\d+)")

_SINGLE_QUOTED = r"'[^']*'|\\."
_QUOTED = _SINGLE_QUOTED + r'|"(?:\\.|[^"\\])*"'
_EXPANSION = re.compile(r"\$[A-Za-z_{(]\w*\}?|`")
_OPERATOR = re.compile(
    r"(?<!\S)(?:&&?|\|\|?|;|\d?>>?(?:&\d)?|<)(?!\S)|;(?=\s|$)|(?<!\S)~(?=/|\s|$)|\*"
)


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
    return _python_program(_words(value) if isinstance(value, str) else list(value))


def is_python(argv: Sequence[str]) -> bool:
    """Whether a command line reads as a python program: the guess of `launcher run`."""
    return argv[0].endswith(".py") or argv[0] == "-m" or bool(_OTHER_PYTHON.fullmatch(argv[0]))


def program_name(program: Entrypoint) -> str:
    """What to call a job that has no name: its script, module or executable."""
    if program.kind == "shell":
        return "command"
    first = program.argv[0]
    if program.kind == "module":
        return first.rsplit(".", 1)[-1]
    return posixpath.splitext(posixpath.basename(first))[0]


def _words(line: str) -> list[str]:
    joined = line.replace("\\\n", " ")
    _refuse_shell_words(joined)
    try:
        return shlex.split(joined)
    except ValueError:
        raise WrongValueError("a quote in it is opened and never closed: {value}") from None


def _refuse_shell_words(line: str) -> None:
    found = _EXPANSION.search(re.sub(_SINGLE_QUOTED, "q", line)) or _OPERATOR.search(
        re.sub(_QUOTED, "q", line)
    )
    if found:
        word = found.group()
        instead = {"*": "write the names", "~": "write the path", "$": "write its value"}
        raise WrongValueError(
            f"no shell reads this line, so {word} would reach the program as it stands; "
            f"{instead.get(word[0], 'remove it')}, put it in single quotes if it is meant so, "
            "or use framework: command"
        )


def _refuse_other_launchers(value: str | Sequence[str], framework: str) -> None:
    lines = value.replace("\\\n", " ").splitlines() if isinstance(value, str) else [" ".join(value)]
    for line in map(str.strip, lines):
        found = _LAUNCHER.match(line)
        if found and found.group().startswith("horovodrun"):
            raise WrongValueError("horovodrun belongs to framework: horovod, not in this version")
        if found:
            tool = " ".join(found.group().split())
            pytorch = "framework: pytorch, " * (framework != "pytorch")
            raise WrongValueError(
                f"{tool} is not needed, the launcher starts the processes itself; "
                f"write {pytorch}{_instead(line[found.end() :])}"
            )


def _instead(rest: str) -> str:
    """The keys that replace another launcher's line; `rest` follows the launcher's name."""
    program = re.search(r"(?:-m\s+[A-Za-z_][\w.]*|(?<!\S)\S+\.py)(?=\s|$).*", rest)
    per_node, nodes = _PROCESSES.search(rest), _NODES.search(rest)
    workers = "N} (N: how many processes"
    if per_node:
        count = int(per_node.group(1) or per_node.group(2)) * int(nodes[1] if nodes else 1)
        workers = f"{count}}}"
    line = program.group() if program else "train.py ARGUMENTS"
    return f"entrypoint: {line} and resources: {{workers: {workers}" + ")" * (not per_node)


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
