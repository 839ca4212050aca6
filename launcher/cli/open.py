"""`launcher open [JOB]`: the pages of the server, in a browser."""

from __future__ import annotations

import os
import sys
import webbrowser

import click

from launcher.cli import _completing, _output
from launcher.cli._options import connect, output_option


@click.command()
@click.argument("job", metavar="[JOB]", required=False, shell_complete=_completing.jobs)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@output_option()
def command(*, job: str | None, no_browser: bool, output: str) -> None:
    """Open the page of a job, or of all jobs, in a browser, as one that may act.

    The address that is printed opens one browser, once, within a minute. Who forwards the port of
    the server to another machine opens it there.
    """
    address = connect().page_that_acts(job)
    if output == "json":
        _output.print_json({"address": address})
        return
    print(address)
    if not no_browser and _has_display() and webbrowser.open(address):
        return
    _output.note("open it in a browser within a minute; it opens one")


def _has_display() -> bool:
    """A browser with windows could be opened here: not one in the terminal."""
    if sys.platform == "darwin" or os.environ.get("BROWSER"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
