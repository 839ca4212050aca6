"""Lines of other launchers, read into keys of the spec.

`into_draft` puts what a line says into a spec that is being read.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from launcher.spec.translation import accelerate, deepspeed, horovodrun, torchrun
from launcher.spec.translation.line import Flag, Line, Setting, read_flags

__all__ = ["Line", "Setting", "is_launch_line", "translate"]

INTERPRETER = ("python", "interpreter")
_PYTHON = re.compile(r"(?:(.*)/)?python[\d.]*")


@dataclass(frozen=True)
class Tool:
    """`finish` puts remembered flags together, once all are read."""

    flags: Mapping[str, Flag]
    finish: Callable[[Line], None]
    framework: str = "pytorch"


TOOLS = {
    "torchrun": Tool(torchrun.FLAGS, torchrun.finish),
    "torch.distributed.launch": Tool(torchrun.FLAGS, torchrun.finish_launch),
    "accelerate launch": Tool(accelerate.FLAGS, accelerate.finish),
    "horovodrun": Tool(horovodrun.FLAGS, horovodrun.finish, "horovod"),
    "deepspeed": Tool(deepspeed.FLAGS, deepspeed.finish),
}
_COMMANDS = {
    "torchrun": "torchrun",
    "horovodrun": "horovodrun",
    "deepspeed": "deepspeed",
    "accelerate-launch": "accelerate launch",
}
_MODULES = {
    "torch.distributed.run": "torchrun",
    "torch.distributed.launch": "torch.distributed.launch",
    "accelerate.commands.launch": "accelerate launch",
    "horovod.runner.launch": "horovodrun",
    "deepspeed.launcher.runner": "deepspeed",
}


def is_launch_line(words: Sequence[str]) -> bool:
    """Whether these words begin with another launcher."""
    return _recognise(words) is not None


def translate(words: Sequence[str]) -> Line | None:
    """What a line means here; None when it begins with no other launcher.

    >>> line = translate("torchrun --nnodes 2 --nproc-per-node 4 train.py --epochs 5".split())
    >>> line.program, line.keys["resources", "workers"].value
    (['train.py', '--epochs', '5'], 8)
    """
    found = _recognise(words)
    if found is None:
        return None
    name, flags_begin = found
    tool = TOOLS[name]
    line = Line(name, tool.framework)
    _note_interpreter(line, words[0])
    line.program = _program(line, read_flags(line, tool.flags, words[flags_begin:]))
    if line.is_whole:
        tool.finish(line)
        _refuse_other_programs(line)
    return line


def _recognise(words: Sequence[str]) -> tuple[str, int] | None:
    """The tool, and the index of its first flag."""
    if not words:
        return None
    first = posixpath.basename(words[0])
    if first == "accelerate" and words[1:2] == ["launch"]:
        return "accelerate launch", 2
    if first in _COMMANDS:
        return _COMMANDS[first], 1
    if not (_PYTHON.fullmatch(words[0]) or words[0] == "-m"):
        return None
    module = next((at for at, word in enumerate(words) if word == "-m"), len(words)) + 1
    flags = words[1 : module - 1]
    if module < len(words) and all(word.startswith("-") for word in flags):
        name = _MODULES.get(words[module])
        return (name, module + 1) if name else None
    return None


def _note_interpreter(line: Line, command: str) -> None:
    """`/opt/venv/bin/torchrun` says which python runs the program."""
    folder, name = posixpath.split(command)
    python = name if _PYTHON.fullmatch(name) else "python"
    if folder.startswith("/"):
        line.keys[INTERPRETER] = Setting(f"{folder}/{python}", command)
    elif folder or python not in {"python", "python3"}:
        path = f"/path/to/{folder + '/' if folder else ''}{python}"
        line.faults.append(f"{command}: write which python it is: python: {{interpreter: {path}}}")


def _program(line: Line, rest: list[str]) -> list[str]:
    if not rest and line.is_whole:
        line.faults.append(f"{line.tool} is given no program; write it behind the flags")
    return ["-m", *rest] if line.fact("module") and rest else rest


def _refuse_other_programs(line: Line) -> None:
    if line.fact("no_python") and line.program:
        instead = line.spec_words(framework="command", entrypoint=str(line.program), gpus=1)
        line.faults.append(f"{line.flag('no_python')}: write {instead}")
        line.program = []
