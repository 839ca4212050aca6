"""`launcher attach --with-server`: a server beside the executor, on the head of a Ray cluster."""

from __future__ import annotations

import contextlib
import secrets
import urllib.parse
from collections.abc import Sequence
from typing import Any

from launcher.cli import _output
from launcher.clusters import _attaching
from launcher.clusters._attaching import LacksPackagesError
from launcher.clusters._ray_jobs import RayJobs
from launcher.contexts import Context, RayJobRef, load_contexts
from launcher.errors import ConflictError, LauncherError, UnreachableError
from launcher.transport import Connection

_INSTALL_TIMEOUT_S = 600.0
SERVER_PACKAGES = (
    *("click>=8.1", "pyyaml>=6", "pydantic>=2.7", "rich>=13", "pathspec>=0.12"),
    *("fastapi>=0.115", "fastapi-offline>=1.7", "uvicorn>=0.30", "sqlalchemy>=2.0"),
    *("alembic>=1.13", "jinja2>=3.1", "cryptography>=42", "numpy>=1.26", "prometheus-client>=0.20"),
)
"""What the project's `dependencies` and its extra `server` name."""


def attach_with_server(
    ray_url: str, name: str, ray_token: str | None, port: int, state_dir: str | None
) -> None:
    """Start server and executor as one Ray job, and use that server from now on.

    Raises:
        LauncherError: it was refused; no Ray job of ours is left.
    """
    contexts = load_contexts()
    before = contexts.known.get(name)
    folder = state_dir or f"~/.local/state/launcher-{name}"
    with contextlib.closing(RayJobs(ray_url, ray_token)) as ray:
        _output.note(f"Ray {_attaching.check_version(ray)} answers at {ray.url}")
        _check_free(ray, name)
        token = before.token if before and before.token else secrets.token_urlsafe(32)
        host = urllib.parse.urlsplit(ray.url).hostname or ""
        shown = f"[{host}]" if ":" in host else host
        context = Context(name, f"http://{shown}:{port}", token)
        contexts.add(context)  # a name that is refused is refused before anything starts
        order = {"cluster": name, "token": token, "serve": {"port": port, "state_dir": folder}}
        job_id = _start(ray, order)
        reached = context.server
        chosen = Context(name, reached, token, RayJobRef(ray.url, job_id, ray_token))
        contexts.add(chosen).use(name).save()
    _tell(chosen, folder)


def detach_server(context: Context, *, force: bool) -> None:
    """End the Ray job of a context's server; its state folder stays on the head.

    Raises:
        ConflictError: jobs run there, and it is not forced.
    """
    assert context.ray is not None
    running = [] if force else _running(context)
    if running:
        raise ConflictError(
            f"jobs run on '{context.name}': {', '.join(running)}",
            hint="cancel them or wait; with --force they run on without a server for up to 6 h: "
            "attaching again within that time finds them",
        )
    with contextlib.closing(RayJobs(context.ray.url, context.ray.token)) as ray:
        _attaching.stop(ray, context.ray.job_id)
    load_contexts().remove(context.name).save()


def _start(ray: RayJobs, order: dict[str, Any]) -> str:
    """Submit, and once more with packages for Ray to install when the head lacks them."""
    try:
        return _try(ray, order, (), _attaching.START_TIMEOUT_S)
    except LacksPackagesError as error:
        _output.note(f"{error}; Ray installs them for this job alone, which takes a while")
    try:
        return _try(ray, order, SERVER_PACKAGES, _INSTALL_TIMEOUT_S)
    except LauncherError as error:
        packages = " ".join(f"'{package}'" for package in SERVER_PACKAGES)
        error.hint = error.hint or (
            f"where Ray cannot install, install them in the head's Python: pip install {packages}"
        )
        raise


def _try(ray: RayJobs, order: dict[str, Any], packages: Sequence[str], timeout_s: float) -> str:
    job_id = _attaching.new_job(str(order["cluster"]))
    size = _attaching.submit(ray, job_id, order, packages=packages)
    _output.note(f"{size // 1000} kB of code sent; its Ray job is {job_id}")
    try:
        for step in _attaching.await_executor(
            ray, job_id, lambda: _is_joined(ray, job_id), timeout_s=timeout_s
        ):
            _output.note(step)
    except LauncherError:
        _attaching.stop(ray, job_id)
        raise
    return job_id


def _is_joined(ray: RayJobs, job_id: str) -> bool:
    """This machine may not reach the server on the head: only the log tells."""
    return "joined" in _attaching.read_marks(ray.log(job_id))


def _check_free(ray: RayJobs, name: str) -> None:
    for job in _attaching.ours(ray.jobs()):
        if job.metadata[_attaching.CLUSTER] == name and not job.metadata.get(_attaching.SERVER):
            raise ConflictError(
                f"a server named '{name}' runs on that Ray already ({job.id})",
                hint=f"launcher detach {name} ends it; --name gives this one another name",
            )
        _output.note(
            f"another launcher serves that Ray too ({job.id}): "
            "each takes the other's jobs for resources that are not free"
        )


def _running(context: Context) -> list[str]:
    from launcher.client import Client
    from launcher.model.states import ACTIVE

    try:
        with contextlib.closing(Client(context.server, context.token)) as client:
            return [job.id for job in client.jobs([state.value for state in ACTIVE])]
    except UnreachableError as error:
        raise UnreachableError(
            f"what runs on '{context.name}' is not known: {error}",
            hint="--force ends its server all the same",
        ) from error


def _tell(context: Context, folder: str) -> None:
    print(f"attached {context.name}: its server is {context.server}")
    _output.note(f"context {context.name} is in use (`launcher context use local` leaves it)")
    _output.note(
        f"its jobs, logs and checkpoints are kept in {folder} on the head: they last as long as "
        "that disk, and a head that is started anew does not start the server again: run the same "
        "command once more"
    )
    try:
        with contextlib.closing(Connection(context.server, context.token, timeout_s=5.0)) as there:
            there.request("GET", "/api/v1/server")
    except LauncherError as error:
        port = urllib.parse.urlsplit(context.server).port
        _output.note(f"this machine does not reach it: {error}")
        _output.note(
            f"open port {port} of the head, or forward it: ssh -L {port}:localhost:{port} HEAD, "
            f"and launcher context add {context.name} http://localhost:{port}"
        )
