"""`launcher secret`: values that programs get and nobody sees."""

from __future__ import annotations

import sys
import time

import click

from launcher.cli import _output, _words
from launcher.cli._options import NAME_TYPE, connect, output_option, yes_option
from launcher.errors import SpecError
from launcher.model.secret import LARGEST, REDACTED_FROM, fault_of_name, fault_of_value
from launcher.views import SecretView, as_json

project_option = click.option(
    "-p",
    "--project",
    type=NAME_TYPE,
    callback=lambda _context, _option, name: name or "",
    help="Only for jobs of this project. Default: for all.",
)


@click.group("secret")
def command() -> None:
    """Values that programs get as environment variables and nobody sees.

    A spec names them: `secrets: [WANDB_API_KEY]`. They are kept encrypted on the server, and
    blotted out of what the program prints.
    """


@command.command(
    "set",
    epilog="\b\n  launcher secret set WANDB_API_KEY\n"
    "  launcher secret set DEPLOY_KEY < ~/.ssh/id_deploy\n"
    "  pass show hf | launcher secret set HF_TOKEN -",
)
@click.argument("name")
@click.argument("rest", metavar="[-]", nargs=-1)
@project_option
def set_(*, name: str, rest: tuple[str, ...], project: str) -> None:
    """Keep a value, asked for without showing it, or read from stdin.

    The end of stdin's last line is cut off. One that was there is replaced: jobs get the new value
    when they are placed the next time.
    """
    _refuse_arguments(name, rest)
    fault = fault_of_name(name)
    if fault:
        raise SpecError(f"'{name}' {fault}")
    client = connect(start=True)  # before the value is asked for: it says which server gets it
    value = _asked(name) if sys.stdin.isatty() and not rest else _read()
    fault = fault_of_value(value.encode("utf-8", "surrogateescape"))
    if fault:
        raise SpecError(f"the value of {name} {fault}")
    is_new = client.set_secret(name, value, project=project)
    done = "is kept" if is_new else "is replaced"
    _output.note(f"{name} {done}, {_whose(project)}")
    if len(value.encode()) < REDACTED_FROM:
        _output.note(
            f"it has less than {REDACTED_FROM} bytes, so it is not blotted out where it is printed"
        )


@command.command("list")
@output_option()
def list_(output: str) -> None:
    """Names, whose they are, who set them and when. Never values."""
    found = connect().secrets()
    if output == "json":
        _output.print_json(as_json(found))
        return
    if not found:
        _output.note("there are no secrets; launcher secret set NAME keeps one")
        return
    rows = [_row(one, time.time()) for one in found]
    _output.print_table(["NAME", "PROJECT", "SET BY", "AGO"], rows)


@command.command("rm")
@click.argument("name")
@project_option
@yes_option
def remove(*, name: str, project: str, yes: bool) -> None:
    """Forget a secret for good."""
    client = connect()
    if not yes:
        click.confirm(f"forget {name}, {_whose(project)}?", abort=True, err=True)
    lacking = client.remove_secret(name, project=project)
    _output.note(f"{name} is forgotten, {_whose(project)}")
    if lacking:
        jobs = _words.plural(len(lacking), "job")
        _output.note(
            f"{jobs} that have not ended name it, and cannot be placed again without it: "
            + ", ".join(lacking)
        )


@command.command("renew-key")
def renew_key() -> None:
    """Encrypt all secrets anew, with a new key of the server."""
    count = connect().renew_secrets_key()
    _output.note(f"{_words.plural(count, 'secret')} encrypted with a new key")


def _refuse_arguments(name: str, rest: tuple[str, ...]) -> None:
    """A value on the command line would stay in the shell's history; it is not repeated here."""
    given = "=" in name or (rest and rest != ("-",))
    if given:
        shown = name.partition("=")[0]
        raise SpecError(
            "a value is never an argument: the shell's history and `ps` would show it",
            hint=f"launcher secret set {shown} asks for it, launcher secret set {shown} < FILE "
            "reads it; change the value if this one was real",
        )


def _asked(name: str) -> str:
    value: str = click.prompt(f"value of {name} (not shown)", hide_input=True, err=True)
    return value


def _read() -> str:
    data = sys.stdin.buffer.read(LARGEST + 3)
    for end in (b"\r\n", b"\n"):
        if data.endswith(end):
            data = data[: -len(end)]
            break
    return data.decode("utf-8", "surrogateescape")


def _whose(project: str) -> str:
    return f"for jobs of project {project}" if project else "for jobs of all projects"


def _row(one: SecretView, now: float) -> list[str]:
    return [one.name, one.project or "all", one.user, _words.ago(one.set_at, now)]
