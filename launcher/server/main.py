"""Runs a server: opens the store, binds the port, tells where it is, serves."""

from __future__ import annotations

import errno
import logging
import os
import random
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from launcher import __version__, logbook
from launcher.clusters.local import LocalRay
from launcher.errors import ConflictError, LauncherError, SpecError
from launcher.model.outputs import OutputLimits
from launcher.scheduler.state import ClusterView, NodeView
from launcher.server.certificate import Certificate
from launcher.server.embedded import keep_executor
from launcher.server.exposure import Exposure
from launcher.server.floor import Floor
from launcher.server.process import (
    MONITORING_KEY,
    SERVER,
    own_token,
    replica_record,
    running_server,
    write_private,
    write_record,
)
from launcher.server.settings import Settings
from launcher.store import Store, open_store

log = logging.getLogger(__name__)


def serve(
    state_dir: Path,
    *,
    host: str,
    port: int,
    database_url: str | None = None,
    public_url: str | None = None,
    replica_url: str | None = None,
    embedded: bool = False,
    output_limits: OutputLimits | None = None,
    open_metrics: bool = False,
    log_format: str | None = None,
    tls: Certificate | None = None,
    insecure_http: bool = False,
    admin_token: str | None = None,
    executor_tokens: Mapping[str, str] | None = None,
) -> None:
    """Serve until the process is told to end.

    Args:
        state_dir: database, logs and blobs; made if need be.
        host: address to listen on.
        port: to listen on; 0 takes a free one, for an embedded server the one it had before.
        database_url: PostgreSQL in place of SQLite; several servers may have the same.
        replica_url: how those reach this one, where that differs from host and port.
        public_url: how others reach this server, where that differs from host and port.
        embedded: this user's own server: keeps an executor with Ray on this machine.
        output_limits: how much of a job's outputs is kept.
        open_metrics: everybody who reaches the server may read `/metrics`.
        log_format: text or json. Default: LAUNCHER_LOG_FORMAT.
        tls: its certificate, to speak TLS by itself.
        insecure_http: plain HTTP is meant, although others than this machine reach it.
        admin_token: in place of the one in the state folder.
        executor_tokens: by cluster, of the executors that shall come.

    Raises:
        SpecError: tokens would go over the network for everybody to read.
        ConflictError: another server runs on this folder.
        LauncherError: the port is taken, or the store cannot be opened.
    """
    log_format = os.environ[logbook.VARIABLE] = logbook.chosen_format(log_format)  # its executor's
    logbook.keep("server", format=log_format)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    warning = Exposure(
        host, tls is not None, public_url, insecure_http or embedded, open_metrics
    ).check()
    state_dir = state_dir.absolute()
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_one_of_several = database_url is not None and not embedded
    running = None if is_one_of_several else running_server(state_dir)
    if running is not None:
        raise ConflictError(f"a server runs on {state_dir} already: {running}")
    listening = _bind(host, port) if port else _bind_own_port(state_dir, host)
    listens_everywhere = host in {"0.0.0.0", "::"}  # noqa: S104 - compared
    named = socket.gethostname() if listens_everywhere else host
    port = listening.getsockname()[1]
    scheme = "https" if tls else "http"
    url = public_url or f"{scheme}://{named}:{port}"
    # Whoever is on this machine needs no name of it to be known.
    own_url = f"http://127.0.0.1:{port}" if listens_everywhere else url
    if database_url and not replica_url:
        replica_url = f"{scheme}://{own_address() if listens_everywhere else host}:{port}"
    token = admin_token or own_token(state_dir)
    try:
        store = open_store(state_dir, database_url)
    except BaseException:
        listening.close()
        raise
    server: list[uvicorn.Server] = []
    settings = Settings(
        state_dir,
        url,
        token,
        embedded,
        lambda: setattr(server[0], "should_exit", True),
        output_limits or OutputLimits(),
        open_metrics=open_metrics,
        executor_tokens=executor_tokens or {},
        replica_url=replica_url or "",
        open_port=port if listens_everywhere and not public_url and not tls else None,
    )
    write_private(state_dir / MONITORING_KEY, settings.monitoring_key)
    floor = Floor(expected=_embedded_cluster(state_dir) if embedded else None)
    if embedded:
        keep_executor(state_dir, own_url, token)
    # Ray starts while the web framework is imported.
    from launcher.server.ending import Ending, is_failure
    from launcher.server.serving import alone, among_others

    logging.getLogger("uvicorn.error").addFilter(is_failure)

    if database_url is None:
        app = alone(store, settings, floor)
    else:
        trusted = tls.peers() if tls else None
        app = among_others(store, settings, floor.anew, database_url, trusted)
    server.append(uvicorn.Server(_configured(Ending(app), tls)))
    record = replica_record(port) if is_one_of_several else SERVER
    write_record(state_dir / record, url=own_url if embedded else url, version=__version__)
    log.info("serving %s from %s", url, state_dir)
    if warning:
        log.warning("%s", warning)
    # Points are parsed in threads, and a page gives the interpreter away at each query: its
    # p99 was 303 ms with Python's 5 ms, 171 with this (medians of seven runs, on a busy machine).
    sys.setswitchinterval(0.001)
    with _raised_afterwards():
        _run(server[0], listening, store, state_dir / record if is_one_of_several else None)


def _run(
    server: uvicorn.Server, listening: socket.socket, store: Store, record: Path | None
) -> None:
    """Serve, and leave nothing open, nor a record that would lie there for ever."""
    try:
        server.run(sockets=[listening])
    finally:
        store.close()
        if record is not None:
            record.unlink(missing_ok=True)


@contextmanager
def _raised_afterwards() -> Iterator[None]:
    """What ends the process, SIGINT or SIGTERM, does so after what is done within.

    uvicorn raises the signal that it ended for once more, and that would be the end here.
    """
    came: list[int] = []
    ends = (signal.SIGINT, signal.SIGTERM)
    before = {end: signal.signal(end, lambda number, _: came.append(number)) for end in ends}
    try:
        yield
    finally:
        for end, handler in before.items():
            signal.signal(end, handler)
    for number in came:
        signal.raise_signal(number)


def _configured(app: ASGIApp, tls: Certificate | None) -> uvicorn.Config:
    files: dict[str, Any] = {}
    if tls is not None:
        files = {"ssl_certfile": str(tls.cert), "ssl_keyfile": str(tls.key)}
    config = uvicorn.Config(
        app,
        log_level="warning",
        log_config=None,  # its lines are ours
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
        ws="none",
        **files,
    )
    if tls is not None:
        config.load()
        assert config.ssl is not None
        tls.keep(config.ssl)
    return config


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With protocol 0 asyncio would not set TCP_NODELAY, and small answers took 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise SpecError(
                f"--host {host}: is no address of this machine",
                hint="--host 0.0.0.0 listens on all that it has",
            ) from error
        raise LauncherError(
            f"{host}:{port} cannot be listened on: {error.strerror}",
            hint="stop what listens there, or choose another --port",
        ) from error
    return listening


def _bind_own_port(state_dir: Path, host: str) -> socket.socket:
    """The port that this folder's server has had from the first: its agents know it by that.

    It lies outside the range from which the kernel gives ephemeral ports, so that it is free
    again after a restart.
    """
    remembered = state_dir / "port"
    if remembered.exists():
        port = int(remembered.read_text())
        try:
            return _bind(host, port)
        except SpecError:
            raise
        except LauncherError as error:
            raise LauncherError(
                f"port {port}, which this server always had, is taken by another process",
                hint=f"stop that one; or delete {remembered}, and running jobs are lost to sight",
            ) from error
    candidates = random.sample(range(15000, 20000), 200)
    for port in candidates:
        try:
            listening = _bind(host, port)
        except SpecError:
            raise
        except LauncherError:
            continue
        remembered.write_text(str(port))
        return listening
    raise LauncherError(f"no free port on {host}", hint="name one with --port")


def own_address() -> str:
    """The address of this machine by which others reach it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of documentation: nothing is sent
        except OSError:
            return "127.0.0.1"  # it has no network
        return str(probe.getsockname()[0])


def _embedded_cluster(state_dir: Path) -> ClusterView:
    """What the embedded cluster will offer, known before its Ray has started."""
    offered = LocalRay(state_dir / "ray").offered()
    node = NodeView("local", "local", socket.gethostname(), offered, offered)
    return ClusterView("local", (node,))
