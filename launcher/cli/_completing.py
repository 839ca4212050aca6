"""What the shell offers for an argument, where click cannot know it: jobs and files."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_PATIENCE_S = 1.0
"""Who presses Tab waits no longer; a server that is away offers nothing."""
_OFFERED = 50


def jobs(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Ids of the newest jobs that begin so, with their states."""
    found: list[CompletionItem] = []
    asking = threading.Thread(target=_ask, args=(begun, found), daemon=True)
    asking.start()
    asking.join(_PATIENCE_S)
    return list(found)


def files(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Left to the shell."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(begun, type="file")]


def _ask(begun: str, found: list[CompletionItem]) -> None:
    from click.shell_completion import CompletionItem

    from launcher.address import OwnServer, find_server
    from launcher.client import Client
    from launcher.errors import LauncherError

    address = find_server()
    if isinstance(address, OwnServer) and not address.runs():
        return  # completing a word starts no server
    with contextlib.suppress(LauncherError), contextlib.closing(Client()) as client:
        newest = client.jobs(limit=_OFFERED, fold=not _reaches_into_array(begun))
        named = ((job.array_id if job.elements else job.id, job.state) for job in newest)
        found.extend(
            CompletionItem(job, help=state) for job, state in named if job.startswith(begun)
        )


def _reaches_into_array(begun: str) -> bool:
    """`sweep-k3m9ap-`: the elements themselves are wanted."""
    return begun.rpartition("-")[2].isdecimal() or begun.endswith("-")
