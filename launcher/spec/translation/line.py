"""The line of another launcher while it is read: flag by flag, each with what it means here.

A tool is a table of flags (`torchrun.py`, `accelerate.py`, …). A flag sets a key of the spec or a
variable, is remembered until all are read, concerns what the launcher arranges by itself, or is
refused with the spec lines that replace it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from launcher.spec.values import did_you_mean

Key = tuple[str, ...]
"""A key of the spec, as ("resources", "workers")."""

WORKERS: Key = ("resources", "workers")
NODES: Key = ("resources", "nodes")
PER_NODE: Key = ("resources", "workers_per_node")
PLACEMENT: Key = ("resources", "placement")
GPUS: Key = ("resources", "gpus_per_worker")

ELASTIC = "write resources: {workers: {min: 2, max: 8}} in its place (docs/elastic.md)"
_NUMBER = re.compile(r"\d{1,7}")


@dataclass(frozen=True)
class Setting:
    """A value, and the flag that says so, as it was written."""

    value: Any
    flag: str


@dataclass
class Line:
    """What is known of a line."""

    tool: str
    framework: str = "pytorch"
    program: list[str] = field(default_factory=list)
    """Entrypoint, as words."""
    keys: dict[Key, Setting] = field(default_factory=dict)
    """What the spec gets; a written key may not differ."""
    held: dict[Key, Setting] = field(default_factory=dict)
    """What the spec does not get, but a written key may not differ from either."""
    defaults: dict[Key, Any] = field(default_factory=dict)
    """What the spec gets unless it says otherwise."""
    lacks_workers: str = ""
    """Why the line does not tell how many workers there are; empty: it does."""
    facts: dict[str, Setting] = field(default_factory=dict)
    """Remembered flags, by a name of the tool's own file."""
    faults: list[str] = field(default_factory=list)
    is_whole: bool = True
    """It was read to its end."""

    def fact(self, name: str) -> Any:
        """The value of a remembered flag, or None."""
        return self.facts[name].value if name in self.facts else None

    def flag(self, *names: str) -> str:
        """Remembered flags as they were written, for words."""
        return " ".join(self.facts[name].flag for name in names if name in self.facts)

    def spec_words(
        self, *, framework: str = "", entrypoint: str = "", gpus: int | None = None
    ) -> str:
        """The spec lines that replace this line, for words.

        Args:
            framework: to name; default: none is named.
            entrypoint: default: the line's program.
            gpus: of each worker, where the spec must say it.
        """
        workers = self.keys[WORKERS].value if WORKERS in self.keys else self.defaults.get(WORKERS)
        unknown = workers is None or bool(self.lacks_workers)
        resources = {"workers": "N" if unknown else workers}
        found = {path[1]: one.value for path, one in self.keys.items() if path[0] == "resources"}
        resources |= {name: value for name, value in found.items() if name != "workers"}
        if gpus is not None:
            resources["gpus_per_worker"] = gpus
        shown = ", ".join(f"{name}: {_flow(value)}" for name, value in resources.items())
        program = entrypoint or shlex.join(self.program) or "train.py ARGUMENTS"
        parts = [f"framework: {framework}"] * bool(framework) + [f"entrypoint: {program}"]
        for section in ("env", "retries", "timeouts", "python"):
            values = {path[1]: one.value for path, one in self.keys.items() if path[0] == section}
            if values:
                inner = ", ".join(f"{name}: {value}" for name, value in values.items())
                parts.append(f"{section}: {{{inner}}}")
        meaning = " (N: how many processes)" * unknown
        return f"{', '.join(parts)} and resources: {{{shown}}}{meaning}"

    def set_gang(self, workers: int, nodes: int | None, flag: str) -> None:
        """Workers, spread evenly over `nodes` where the line tells how many."""
        self.keys[WORKERS] = Setting(workers, flag)
        if nodes is None:
            return
        self.keys[NODES] = Setting(nodes, flag)
        self.held[PLACEMENT] = Setting("pack", flag)
        if workers % nodes == 0:
            self.held[PER_NODE] = Setting(workers // nodes, flag)


def _flow(value: Any) -> str:
    """As YAML has it within a line."""
    if not isinstance(value, Mapping):
        return str(value)
    return f"{{{', '.join(f'{name}: {part}' for name, part in value.items())}}}"


Act = Callable[[Line, str, str], None]
"""Takes the line, the flag as it was written with its value, and the value alone."""


@dataclass(frozen=True)
class Flag:
    """`takes`: how many words follow it."""

    takes: int
    act: Act


def arranged(takes: int = 1) -> Flag:
    """The launcher arranges it by itself, or keeps it anyway: addresses, ports, log folders."""
    return Flag(takes, lambda *_: None)


def refused(words: str, takes: int = 1) -> Flag:
    """It has no meaning here. In the words `{value}` is its value."""
    return Flag(
        takes,
        lambda line, flag, value: line.faults.append(f"{flag}: {words.replace('{value}', value)}"),
    )


def fact(name: str) -> Flag:
    """A text to remember."""
    return Flag(1, lambda line, flag, value: line.facts.update({name: Setting(value, flag)}))


def switch(name: str) -> Flag:
    """To remember that it was there."""
    return Flag(0, lambda line, flag, _: line.facts.update({name: Setting(True, flag)}))


def number(name: str, low: int = 1) -> Flag:
    """A whole number to remember."""

    def act(line: Line, flag: str, value: str) -> None:
        count = whole(line, flag, value, low)
        if count is not None:
            line.facts[name] = Setting(count, flag)

    return Flag(1, act)


def key(path: Key, low: int = 0) -> Flag:
    """A whole number that is the value of a key."""

    def act(line: Line, flag: str, value: str) -> None:
        count = whole(line, flag, value, low)
        if count is not None:
            line.keys[path] = Setting(count, flag)

    return Flag(1, act)


def constant(path: Key, value: Any) -> Flag:
    """A switch that means a value of a key."""
    return Flag(0, lambda line, flag, _: line.keys.update({path: Setting(value, flag)}))


def variable(name: str, convert: Callable[[str], str] = str) -> Flag:
    """The tool gives its value to the program in a variable.

    Args:
        name: of the variable.
        convert: to the variable's text; its ValueError says what is wrong with the value.
    """

    def act(line: Line, flag: str, value: str) -> None:
        try:
            line.keys["env", name] = Setting(convert(value), flag)
        except ValueError as error:
            line.faults.append(f"{flag}: {error}")

    return Flag(1, act)


def switched(name: str, value: str) -> Flag:
    """A switch that the tool tells the program in a variable."""
    return constant(("env", name), value)


def one_of(*choices: str, instead: str = "") -> Callable[[str], str]:
    """For `variable`: one of these words."""

    def convert(value: str) -> str:
        if value not in choices:
            raise ValueError(instead or f"expected one of {', '.join(choices)}")
        return value

    return convert


def whole(line: Line, flag: str, value: str, low: int) -> int | None:
    """The number, or None after a complaint."""
    if _NUMBER.fullmatch(value) and int(value) >= low:
        return int(value)
    line.faults.append(f"{flag}: expected a whole number from {low}")
    return None


def read_flags(line: Line, flags: Mapping[str, Flag], words: Sequence[str]) -> list[str]:
    """Reads the flags at the beginning of the words; gives what follows them: the program."""
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        name, values = _split(word, flags)
        known = flags.get(_plain(name))
        if known is None:
            near = did_you_mean(name, flags)
            line.faults.append(f"{name}: no flag of {line.tool} that is known here{near}")
            line.is_whole = False
            return []
        while len(values) < known.takes and rest:
            values.append(rest.pop(0))
        if len(values) != known.takes:
            what = "its value is missing" if known.takes else "takes no value"
            line.faults.append(f"{name}: {what}")
            continue
        known.act(line, " ".join([name, *values]), " ".join(values))
    return rest


def _split(word: str, flags: Mapping[str, Flag]) -> tuple[str, list[str]]:
    """A flag and the value that is written together with it: `--x=1`, `-x1`."""
    name, equals, value = word.partition("=")
    if equals:
        return name, [value]
    short = flags.get(word[:2])
    if _plain(word) not in flags and not word.startswith("--") and short and short.takes:
        return word[:2], [word[2:]]
    return word, []


def _plain(name: str) -> str:
    """These tools take `-` and `_` for the same, or a person soon forgets which does not."""
    return "--" + name[2:].replace("_", "-") if name.startswith("--") else name
