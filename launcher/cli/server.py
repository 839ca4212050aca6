"""`launcher server`: a server in the foreground."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from launcher import address
from launcher.cli._options import log_format_option
from launcher.errors import SpecError
from launcher.model.outputs import OutputLimits
from launcher.units import parse_size

if TYPE_CHECKING:
    from launcher.server.certificate import Certificate

_FILE = click.Path(path_type=Path, dir_okay=False)


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
@click.option(
    "--database", metavar="URL", envvar="LAUNCHER_DATABASE",
    help="PostgreSQL to use instead of a file in that folder: postgresql://USER@HOST/NAME.",
)  # fmt: skip
@click.option(
    "--public-url", metavar="URL", envvar="LAUNCHER_PUBLIC_URL",
    help="Address that users and nodes reach it by.",
)  # fmt: skip
@click.option(
    "--replica-url", metavar="URL", envvar="LAUNCHER_REPLICA_URL",
    help="Address that other servers on the same --database reach this one by.",
)  # fmt: skip
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
@click.option(
    "--admin-token-file", type=_FILE, envvar="LAUNCHER_ADMIN_TOKEN_FILE",
    help="File with the token that opens all of the server, in place of STATE/token.",
)  # fmt: skip
@click.option(
    "--executor-token", "executor_tokens", multiple=True, metavar="CLUSTER=FILE",
    help="File with the token of the executor of a cluster, as often as there are any. "
    "Default: LAUNCHER_EXECUTOR_TOKENS, with commas between.",
)  # fmt: skip
@click.option(
    "--tls-cert", type=_FILE, envvar="LAUNCHER_TLS_CERT",
    help="Certificate, to speak https: PEM, with those between. Renewed files are read again.",
)  # fmt: skip
@click.option("--tls-key", type=_FILE, envvar="LAUNCHER_TLS_KEY", help="Its key.")
@click.option(
    "--insecure-http", is_flag=True,
    help="Speak plain http to other machines, too: whoever is on the way can read tokens.",
)  # fmt: skip
@log_format_option
def command(
    *,
    host: str,
    port: int,
    state_dir: Path | None,
    database: str | None,
    public_url: str | None,
    replica_url: str | None,
    embedded: bool,
    max_output_files: int,
    max_output_size: str,
    open_metrics: bool,
    log_format: str | None,
    admin_token_file: Path | None,
    executor_tokens: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    insecure_http: bool,
) -> None:
    """Run a server in the foreground. `launcher up` starts your own in the background."""
    try:
        limits = OutputLimits(max_output_files, parse_size(max_output_size))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--max-output-size") from error
    for url in (public_url, replica_url):
        if url is not None:
            from launcher.transport import Connection

            Connection(url)  # refuses what is no address: others will be told it
    from launcher.server.given_tokens import executor_tokens as read_executor_tokens
    from launcher.server.given_tokens import read_token
    from launcher.server.main import serve

    admin_token = read_token(admin_token_file, "--admin-token-file") if admin_token_file else None
    serve(
        state_dir or address.state_dir(),
        host=host,
        port=port,
        database_url=database,
        public_url=public_url,
        replica_url=replica_url,
        embedded=embedded,
        output_limits=limits,
        open_metrics=open_metrics,
        log_format=log_format,
        tls=_certificate(tls_cert, tls_key, embedded=embedded),
        insecure_http=insecure_http,
        admin_token=admin_token,
        executor_tokens=read_executor_tokens(executor_tokens or _of_environment(), admin_token),
    )


def _of_environment() -> list[str]:
    return [one for one in os.environ.get("LAUNCHER_EXECUTOR_TOKENS", "").split(",") if one]


def _certificate(cert: Path | None, key: Path | None, *, embedded: bool) -> Certificate | None:
    from launcher.server.certificate import Certificate

    if cert is None and key is None:
        return None
    if embedded:
        raise SpecError(
            "--tls-cert: an embedded server speaks to this machine alone, in plain http"
        )
    if cert is None or key is None:
        there, lacking = ("--tls-cert", "--tls-key") if cert else ("--tls-key", "--tls-cert")
        raise SpecError(f"{there} without {lacking}: a certificate and its key go together")
    return Certificate(cert, key)
