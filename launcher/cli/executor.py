"""`launcher executor`: runs jobs of a server on a Ray cluster."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from launcher import logbook
from launcher.cli._options import NAME_TYPE, log_format_option
from launcher.errors import ConflictError, SpecError
from launcher.model.own_cluster import is_own
from launcher.transport import Connection


@click.command()
@click.option("--server", metavar="URL", help="The server. Default: LAUNCHER_SERVER.")
@click.option(
    "--cluster",
    "--name",
    default="default",
    show_default=True,
    callback=lambda context, option, name: _judged(name, option, context),
    help="Name of this cluster.",
)
@click.option(
    "--once",
    metavar="JOB",
    help="Serve that job alone, on the cluster that was made for it; end when all of it is with "
    "the server.",
)
@click.option(
    "--ray-address", metavar="HOST:PORT", help="Head of the running Ray cluster; auto: this one."
)
@click.option(
    "--prepared",
    is_flag=True,
    help="Ray was started with RAY_worker_niceness=0: agents start in workers that wait for them.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the executor's token. Default: LAUNCHER_TOKEN.",
)
@click.option(
    "--embedded-in",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="State folder of an embedded server: Ray of its own on this machine.",
)
@log_format_option
def command(
    *,
    server: str | None,
    cluster: str,
    ray_address: str | None,
    prepared: bool,
    token_file: Path | None,
    embedded_in: Path | None,
    log_format: str | None,
    once: str | None,
) -> None:
    """Run jobs of a server on a Ray cluster, from a machine that reaches both."""
    url = server or os.environ.get("LAUNCHER_SERVER")
    if not url:
        raise SpecError("no server is named", hint="--server URL, or LAUNCHER_SERVER=URL")
    if not ray_address and not embedded_in:
        raise SpecError("no Ray cluster is named", hint="--ray-address HOST:PORT of its head")
    Connection(url)  # refuses what is no address, before Ray is started for it
    token = token_file.read_text().strip() if token_file else os.environ.get("LAUNCHER_TOKEN", "")
    log_format = logbook.chosen_format(log_format)
    if once is not None:
        if embedded_in is not None or not is_own(cluster):
            raise SpecError(
                f"--once {once}: '{cluster}' is no cluster that was made for one job",
                hint="--cluster NAME.RAYJOB, as the server calls it; "
                "without --once an executor serves all jobs of a cluster",
            )
        _serve_once(url, token, cluster, ray_address or "auto", log_format)
        return
    from launcher.clusters.local import LocalRay
    from launcher.clusters.ray import AUTO, FOR_EVER_S, RunningRay
    from launcher.executor.main import run

    if embedded_in is None:
        # Beside Ray's head it may be there first, as on Kubernetes; an address may be a mistake.
        patience_s = FOR_EVER_S if ray_address == AUTO else 0.0
        source = RunningRay(ray_address or "", patience_s=patience_s)
        run(
            server=url,
            token=token,
            cluster=cluster,
            source=source,
            prepared=prepared,
            log_format=log_format,
        )
        return
    with _only_one(embedded_in):
        run(
            server=url,
            token=token,
            cluster="local",
            source=LocalRay(embedded_in / "ray"),
            state_file=embedded_in / "executor-session.json",
            own_cluster=True,
            log_format=log_format,
        )


def _judged(name: str, option: click.Parameter, context: click.Context) -> str:
    """The name of a cluster; one job's own has a dot between two names."""
    for part in name.split(".", 1):
        NAME_TYPE.convert(part, option, context)
    return name


def _serve_once(url: str, token: str, cluster: str, ray_address: str, log_format: str) -> None:
    from launcher.clusters.kuberay import RayJobsRay
    from launcher.executor.once import keep, session_file

    def serve() -> None:
        from launcher.executor.attached import leave_job_environment
        from launcher.executor.main import run

        leave_job_environment()
        run(
            server=url,
            token=token,
            cluster=cluster,
            source=RayJobsRay(ray_address),
            state_file=session_file(cluster),
            log_format=log_format,
            once=True,
        )

    sys.exit(keep(serve))


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Holds the lock by which the server knows that its executor lives."""
    from launcher.server.process import EXECUTOR, write_record

    with (folder / "executor.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConflictError(f"an executor runs on {folder} already") from error
        write_record(folder / EXECUTOR)
        yield
