"""`launcher completion bash|zsh|fish`: the line to add, or the script itself."""

from __future__ import annotations

import os
from pathlib import Path

import click

from launcher.cli import _output
from launcher.errors import SpecError

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_LAUNCHER_COMPLETE"
_LINES = {
    "bash": ("~/.bashrc", 'eval "$(launcher completion bash --script)"'),
    "zsh": ("~/.zshrc", 'eval "$(launcher completion zsh --script)"'),
    "fish": (
        "~/.config/fish/completions/launcher.fish",
        "launcher completion fish --script | source",
    ),
}


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.option("--script", is_flag=True, help="Print the script itself.")
def command(shell: str | None, script: bool) -> None:
    """Complete commands, options and jobs: prints the line to add to your shell's start file.

    SHELL is bash, zsh or fish; by default the one that SHELL names.
    """
    chosen = shell or _own_shell()
    if not script:
        file, line = _LINES[chosen]
        print(line)
        _output.note(f"add this line to {file}, and open a new shell")
        return
    from click.shell_completion import get_completion_class

    from launcher.cli._commands import launcher

    known = get_completion_class(chosen)
    assert known is not None
    print(known(launcher, {}, "launcher", _VARIABLE).source())


def _own_shell() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise SpecError(
            f"your shell is {name or 'not known'}; completion is for {', '.join(SHELLS)}",
            hint="launcher completion bash",
        )
    return name
