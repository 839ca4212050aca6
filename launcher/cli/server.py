"""`launcher server`: a server in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from launcher import address
from launcher.cli._options import log_format_option
from launcher.model.outputs import OutputLimits
from launcher.units import parse_size


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0: any free one."
)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of database, logs and checkpoints. Default: this user's own.",
)
@click.option("--database", metavar="URL", help="Database to use instead of a file in that folder.")
@click.option("--public-url", metavar="URL", help="Address that users and nodes reach it by.")
@click.option("--embedded", is_flag=True, help="This user's own server, with Ray on this machine.")
@click.option(
    "--max-output-files", type=click.IntRange(1), default=10_000, show_default=True,
    help="How many files of a job's outputs are kept.",
)  # fmt: skip
@click.option(
    "--max-output-size", default="10GiB", show_default=True, metavar="SIZE",
    help="How much of a job's outputs is kept.",
)  # fmt: skip
@click.option(
    "--open-metrics", is_flag=True,
    help="Let everybody who reaches the server read /metrics; else Prometheus needs a token.",
)  # fmt: skip
@log_format_option
def command(
    *,
    host: str,
    port: int,
    state_dir: Path | None,
    database: str | None,
    public_url: str | None,
    embedded: bool,
    max_output_files: int,
    max_output_size: str,
    open_metrics: bool,
    log_format: str | None,
) -> None:
    """Run a server in the foreground. `launcher up` starts your own in the background."""
    try:
        limits = OutputLimits(max_output_files, parse_size(max_output_size))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--max-output-size") from error
    if public_url is not None:
        from launcher.transport import Connection

        Connection(public_url)  # refuses what is no address: users and nodes will be told it
    from launcher.server.main import serve

    serve(
        state_dir or address.state_dir(),
        host=host,
        port=port,
        database_url=database,
        public_url=public_url,
        embedded=embedded,
        output_limits=limits,
        open_metrics=open_metrics,
        log_format=log_format,
    )
