"""Mistakes on the command line, in our words instead of click's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import click

_OURS = (
    (r"'(.*)' is not a valid integer( range)?\.?", "expected a whole number, found '{0}'"),
    (r"'(.*)' is not a valid float( range)?\.?", "expected a number, found '{0}'"),
    (r"Path '(.*)' does not exist\.?", "'{0}' does not exist"),
    (r"(File|Directory) '(.*)' does not exist\.?", "'{1}' does not exist"),
    (r"File '(.*)' is a directory\.?", "'{0}' is a folder, not a file"),
    (r"Directory '(.*)' is a file\.?", "'{0}' is a file, not a folder"),
)
"""What click says of a value, and what we say. (click's texts hold in all versions since 8.1.)"""
_TAKES_NONE = re.compile(r"Option '(.*)' does not take a value")
_LACKS_VALUE = re.compile(r"Option '(.*)' requires an argument")
_TOO_MANY = re.compile(r"Got unexpected extra arguments? \((.*)\)")
_NO_COMMAND = re.compile(r"No such command '([^']*)'")
_NOT_OF_CHOICE = re.compile(r"'(.*)' is not one of ")


def usage_words(error: object, words: Sequence[str] = ()) -> tuple[str, str | None]:
    """Message and hint for what click complains about; `words`: the command line."""
    if not isinstance(error, click.ClickException):
        return str(error), None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else _path(words)
    hint = f"{path} --help tells what it takes"
    if isinstance(error, click.NoSuchOption):
        return f"no such option {error.option_name}{_near_option(error)}", _past_options(path, hint)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{path}: {_name(error.param)} is missing", _next_to(error.param, path, hint)
    if isinstance(error, click.BadParameter):
        return _bad_value(error), hint
    return _told(error.format_message(), path, context), hint


def help_instead(error: object) -> str | None:
    """The help of a group that was called without a command: it says more than a complaint."""
    context = getattr(error, "ctx", None)
    # click 8.2 has a class for it; before that it printed the help by itself.
    is_meant = type(error).__name__ == "NoArgsIsHelpError"
    return str(context.get_help()) if is_meant and context is not None else None


def did_you_mean(word: str, known: Iterable[str], *, before: str = "") -> str:
    """The end of a complaint: empty when nothing known is near. `before`: said before the word."""
    import difflib  # only for those who mistyped

    # Dashes, which all options have, would make any two of them alike.
    lower = {name.lower().lstrip("-"): name for name in known}
    near = difflib.get_close_matches(word.lower().lstrip("-"), lower, n=1, cutoff=0.6)
    return f"; did you mean {before}{lower[near[0]]}" if near else ""


def _path(words: Sequence[str]) -> str:
    """The command that a line calls; click's parser does not tell which one it was in."""
    from launcher.cli._commands import launcher

    command: click.Command | None = launcher
    path = ["launcher"]
    for word in words:
        if not isinstance(command, click.Group):
            break
        command = command.get_command(click.Context(command), word)
        if command is None:
            break
        path.append(word)
    return " ".join(path)


def _bad_value(error: click.BadParameter) -> str:
    """Which parameter, what was found there, and what it may be."""
    name = error.param_hint or (_name(error.param) if error.param else "")
    if not isinstance(name, str):
        name = " / ".join(name)
    return f"{name}: {_value_words(error)}" if name else _value_words(error)


def _value_words(error: click.BadParameter) -> str:
    kind = error.param.type if error.param is not None else None
    wrong = _NOT_OF_CHOICE.match(error.message)
    if wrong and isinstance(kind, click.Choice):
        choices = [str(choice) for choice in kind.choices]
        return f"'{wrong[1]}' is none of {', '.join(choices)}{did_you_mean(wrong[1], choices)}"
    if isinstance(kind, click.IntRange | click.FloatRange) and " in the range" in error.message:
        return f"{error.message.split()[0]} is out of range; {_range(kind)}"
    for theirs, ours in _OURS:
        found = re.fullmatch(theirs, error.message)
        if found:
            return ours.format(*found.groups())
    return _lower(error.message)


def _range(kind: click.IntRange | click.FloatRange) -> str:
    """The numbers that are taken."""
    if kind.max is None:
        return f"write {kind.min:g} or more"
    return f"write {kind.min or 0:g} to {kind.max:g}"


def _told(message: str, path: str, context: click.Context | None) -> str:
    """Complaints for which click has no class of its own, or only newer clicks have."""
    if found := _TAKES_NONE.match(message):
        return f"{found[1]} takes no value: it is said or not said"
    if found := _LACKS_VALUE.match(message):
        return f"{found[1]}: its value is missing"
    if found := _TOO_MANY.match(message):
        return f"{path}: what is {found[1]!r}? {_taken(context)}"
    if found := _NO_COMMAND.match(message):
        known = getattr(context.command, "commands", {}) if context is not None else {}
        near = did_you_mean(found[1], known, before=f"{path} ") or f"; it has {', '.join(known)}"
        return f"no such command '{path} {found[1]}'{near}"
    if message.startswith("Missing command"):
        return f"{path}: which command? it has {_commands(context)}"
    return _lower(message)


def _taken(context: click.Context | None) -> str:
    """What a command takes beside options."""
    if context is None:
        return ""
    arguments = [one for one in context.command.params if isinstance(one, click.Argument)]
    taken = " ".join(map(_name, arguments))
    return f"it takes {taken}" if taken else "it takes options alone"


def _commands(context: click.Context | None) -> str:
    known: Iterable[str] = getattr(context.command, "commands", {}) if context is not None else ()
    return ", ".join(known)


def _name(param: click.Parameter) -> str:
    """A parameter as people write it: `--workers`, `JOB`."""
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return (param.metavar or (param.name or "").upper()).strip("[]")


def _near_option(error: click.NoSuchOption) -> str:
    known: list[str] = []
    if error.ctx is not None:
        known = [name for param in error.ctx.command.params for name in param.opts]
        known += error.ctx.help_option_names
    return did_you_mean(error.option_name, known)


def _next_to(missing: click.Parameter, path: str, hint: str) -> str:
    """Who leaves the job out mostly means the newest."""
    if path == "launcher priority":
        return f"{path} last 80: your newest job; launcher list shows all"
    if path == "launcher limit":
        return f"{path} last 4: your newest array; launcher list shows all"
    if missing.name in {"job", "jobs"}:
        return f"{path} last: your newest job; launcher list shows all"
    return hint


def _past_options(path: str, hint: str) -> str:
    """`launcher run train.py --epochs 5` lacks the `--` that ends our own options."""
    if path in {"launcher run", "launcher submit", "launcher plan"}:
        return f"{hint}; options of your program go behind --: {path} -- train.py --epochs 5"
    if path == "launcher exec":
        return f"{hint}; options of the command go behind --: {path} JOB -- nvidia-smi -l"
    return hint


def _lower(text: str) -> str:
    return (text[:1].lower() + text[1:]).rstrip(".")
