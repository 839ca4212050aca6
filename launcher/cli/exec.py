"""`launcher exec JOB -- COMMAND`: run a command or a shell beside a rank of a running job."""

from __future__ import annotations

import os

import click

from launcher.cli import _output
from launcher.cli._options import connect, job_argument
from launcher.errors import LauncherError, SpecError
from launcher.model.visit import LOST

_EXAMPLES = """\b
  launcher exec last                                  a shell beside rank 0
  launcher exec last -- nvidia-smi
  launcher exec last --rank 3 -- bash -c 'py-spy dump --pid $(pgrep -f train.py | head -1)'
  launcher exec last --node 1 -t -- htop
  tar c data | launcher exec last -- tar x
  launcher exec last -- tar c runs > runs.tar
"""


@click.command(epilog=_EXAMPLES)
@job_argument
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND [ARG]...]")
@click.option("-r", "--rank", type=click.IntRange(0), help="Beside this rank. Default: 0.")
@click.option("--node", type=click.IntRange(0), help="Beside the first rank of this node, from 0.")
@click.option("-t", "--tty", is_flag=True, help="In a terminal, as editors and shells want it.")
@click.option(
    "-i", "--stdin", is_flag=True, help="Pass on what is typed; what is piped in always is."
)
def command(
    *, job: str, words: tuple[str, ...], rank: int | None, node: int | None, tty: bool, stdin: bool
) -> int:
    """Run a command beside a rank: on its node, in its folder, with its environment.

    Without a command it is a shell. The exit code is the command's, 128 and its number when a
    signal ended it, and 125 when launcher could not run it or lost it. Ctrl-C goes to the command.
    In a shell, ~. at the beginning of a line leaves; nothing that was started runs on.
    """
    from launcher.cli import _beside, _terminal

    types = _terminal.is_terminal(0)
    tty = tty or (not words and types)
    _expect_sense(words, rank, node, tty=tty, types=types)
    gives = tty or stdin or (not types and _is_open(0))
    try:
        rows, columns = _terminal.size() if tty else (0, 0)
        client = connect()
        visit = client.exec(
            job,
            words,
            rank=rank,
            node=node,
            stdin=gives,
            tty=tty,
            term=os.environ.get("TERM", ""),
            rows=rows,
            columns=columns,
        )
        if tty and not words:
            placed = visit.placed
            text = f"beside rank {placed.rank} of {placed.job}; `exit` or ~. leaves"
            _output.note(_output.paint(text, "dim", err=True))
        return _beside.follow(visit, stdin=gives, tty=tty)
    except LauncherError as error:
        error.exit_code = LOST
        raise


def _expect_sense(
    words: tuple[str, ...], rank: int | None, node: int | None, *, tty: bool, types: bool
) -> None:
    if rank is not None and node is not None:
        raise SpecError(
            f"--rank {rank} and --node {node}: one of them says where",
            hint="--node is for the first rank of a node",
        )
    if tty and not types:
        raise SpecError(
            "-t wants a terminal, and stdin is none",
            hint="leave -t out: what is piped in reaches the command",
        )
    if not words and not tty:
        raise SpecError(
            "which command? there is no terminal here for a shell",
            hint="launcher exec JOB -- nvidia-smi; a script: launcher exec JOB -- bash < script.sh",
        )


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
