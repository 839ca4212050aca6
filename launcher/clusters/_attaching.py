"""Attaching to a running Ray cluster: what is checked first, what is sent, and how it went.

One Ray job carries our code to the head and is the executor there. Who attaches (a server, or the
command line for `--with-server`) submits it here and reads what it says in its log.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from launcher import __version__
from launcher.clusters import _bundle
from launcher.clusters._ray_jobs import RayJob, RayJobs
from launcher.errors import ConflictError, LauncherError, SpecError, UnreachableError
from launcher.names import random_part

MARK = "@launcher "
"""Begins the lines of the job's log that are meant for who attached; the rest is JSON."""
OLDEST_RAY = (2, 49)
"""The first whose placement groups take a node for each bundle."""
START_TIMEOUT_S = 90.0
NODES_TIMEOUT_S = 10.0
_POLL_S = 0.25
_STOP_TIMEOUT_S = 15.0
_TAIL = 12
CLUSTER, SERVER = "launcher_cluster", "launcher_server"
"""Metadata of our Ray jobs: the cluster's name at the server, and that server's id."""


class LacksPackagesError(LauncherError):
    """The Python of the head has not all that a server imports."""


_KINDS: dict[str, type[LauncherError]] = {
    kind.__name__: kind for kind in (ConflictError, LacksPackagesError, UnreachableError)
}


def check_version(ray: RayJobs) -> str:
    """Version of a Ray that answers and that we can run on.

    Raises:
        UnreachableError: it does not answer, or refuses the token.
        ConflictError: it is too old.
    """
    version = ray.ray_version()
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if numbers < OLDEST_RAY:
        oldest = ".".join(map(str, OLDEST_RAY))
        raise ConflictError(
            f"Ray at {ray.url} is {version}; launcher needs {oldest} or newer",
            hint="start that cluster with a newer Ray",
        )
    return version


def check_reach(server_url: str, ray_url: str) -> None:
    """Refuse a server's address that only its own machine can reach, for nodes that are elsewhere.

    Raises:
        SpecError: the address means another machine to those who shall use it.
    """
    host = urllib.parse.urlsplit(server_url).hostname or ""
    head = urllib.parse.urlsplit(ray_url).hostname or ""
    if is_loopback(host) and not is_this_machine(head):
        raise SpecError(
            f"your server listens at {server_url}, which the nodes of {head} cannot reach",
            hint="`launcher up --listen 0.0.0.0` lets other machines reach it, and --server-url "
            "URL names another address of it; behind NAT, --with-server runs one on the head",
        )


def is_loopback(host: str) -> bool:
    """Whether an address means whichever machine uses it.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("10.0.0.5")
    (True, True, False)
    """
    return host in {"localhost", "::1"} or host.startswith("127.")


def is_this_machine(host: str) -> bool:
    """Whether a host's address is one of this machine: only then can it be listened on."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError:
        return False
    for family, kind, _, _, address in found:
        with contextlib.suppress(OSError), socket.socket(family, kind) as probe:
            probe.bind(address)
            return True
    return False


def address_towards(url: str) -> str:
    """The address of this machine by which it reaches a host; an IPv6 one in brackets."""
    parts = urllib.parse.urlsplit(url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_DGRAM)
        family, kind, _, _, address = found[0]
        with socket.socket(family, kind) as probe:  # of datagrams: nothing is sent
            probe.connect(address)
            own = str(probe.getsockname()[0])
    except OSError:
        return socket.gethostname()
    return f"[{own}]" if ":" in own else own


def ours(jobs: Sequence[RayJob]) -> list[RayJob]:
    """Jobs that are an executor of some launcher and have not ended."""
    return [job for job in jobs if CLUSTER in job.metadata and not job.has_ended]


def new_job(cluster: str) -> str:
    """An id for the Ray job of that cluster's executor; no two are alike."""
    return f"launcher-{cluster}-{random_part()}"


def submit(
    ray: RayJobs, job_id: str, order: Mapping[str, Any], *, packages: Sequence[str] = ()
) -> int:
    """Send our code and start the executor; gives the bytes sent.

    Args:
        ray: of the cluster.
        job_id: of `new_job`.
        order: `cluster`, `server`, `token` and `server_id`; in place of `server` also `serve`
            with `port` and `state_dir`.
        packages: that Ray installs for this job alone.
    """
    # Ray unpacks archives of one content once, and a job removes its order when it has read it.
    own = {**order, "job": job_id}
    archive = _bundle.bundle(own, whole="serve" in order)
    uri = ray.upload(_bundle.digest(archive), archive)
    environment: dict[str, Any] = {"working_dir": uri}
    entrypoint = _bundle.ENTRYPOINT
    if packages:
        environment["pip"] = {"packages": list(packages), "pip_check": False}
        entrypoint += " python"
    metadata = {
        CLUSTER: str(order["cluster"]),
        SERVER: str(order.get("server_id") or ""),
        "launcher_version": __version__,
    }
    ray.submit(job_id, entrypoint, environment, metadata)
    return len(archive)


def await_executor(
    ray: RayJobs,
    job_id: str,
    serves: Callable[[], bool],
    *,
    timeout_s: float = START_TIMEOUT_S,
) -> Iterator[str]:
    """Wait until the job's executor serves; gives what is worth telling meanwhile.

    Args:
        ray: of the cluster.
        job_id: of the job.
        serves: whether the server hears it.
        timeout_s: how long it may take.

    Raises:
        LauncherError: it refused, ended, or took too long; the job may still be there.
    """
    give_up = time.monotonic() + timeout_s
    told_python, serving_since = False, None
    while True:
        job, log = ray.job(job_id), ray.log(job_id)
        facts = read_marks(log)
        if "python" in facts and not told_python:
            told_python = True
            yield f"its head {facts['host']} has Python {facts['python']}"
        check_start(job, facts, log)
        now = time.monotonic()
        if serving_since is None and serves():
            serving_since = now
        if serving_since is not None:
            if "nodes" in facts:
                yield from judge_nodes(facts["nodes"], int(facts["of"]))
                return
            if now - serving_since > NODES_TIMEOUT_S:
                yield "not checked: whether every node reaches the server"
                return
        elif now > give_up:
            raise UnreachableError(
                f"the executor did not come up within {timeout_s:g} s: its Ray job {job_id} is "
                f"{job.status if job else 'gone'}",
                hint=f"`ray job logs {job_id} --address {ray.url}` tells more",
            )
        time.sleep(_POLL_S)


def read_marks(log: str) -> dict[str, Any]:
    """What a job's log tells us, later words over earlier ones.

    >>> read_marks('noise' + chr(10) + '@launcher {"python": "3.11.7"}' + chr(10))
    {'python': '3.11.7'}
    """
    facts: dict[str, Any] = {}
    for line in log.splitlines():
        if line.startswith(MARK):
            with contextlib.suppress(ValueError):  # its end is still being written
                facts |= json.loads(line.removeprefix(MARK))
    return facts


def check_start(job: RayJob | None, facts: Mapping[str, Any], log: str) -> None:
    """Tell why a job will not become an executor, in its own words where it said any.

    Raises:
        LauncherError: it refused or ended.
    """
    if "refused" in facts:
        kind = _KINDS.get(str(facts.get("kind")), ConflictError)
        raise kind(str(facts["refused"]), hint=facts.get("hint"))
    if job is None:
        raise ConflictError("Ray forgot the job: was its head started anew meanwhile?")
    if job.has_ended:
        lines = [line for line in (log or job.message).splitlines() if line.strip()]
        said = "\n".join(lines[-_TAIL:]) or "it printed nothing"
        raise ConflictError(f"the Ray job {job.id} ended ({job.status}):\n{said}")


def judge_nodes(unreached: Mapping[str, str], count: int) -> list[str]:
    """Warnings of the nodes that cannot reach the server.

    Args:
        unreached: cause by the node's address.
        count: of all nodes.

    Raises:
        UnreachableError: the head alone can.
    """
    if not unreached:
        return []
    told = [f"node {address} does not: {cause}" for address, cause in sorted(unreached.items())]
    if len(unreached) >= count - 1:
        raise UnreachableError(
            "the head reaches the server, and none of the other nodes:\n" + "\n".join(told),
            hint="--server-url URL names an address that all nodes reach",
        )
    return [f"jobs cannot run on every node: the {line}" for line in told]


def stop(ray: RayJobs, job_id: str) -> None:
    """End a Ray job, and wait until it has ended.

    Raises:
        UnreachableError: Ray does not answer, or does not end it.
    """
    ray.stop(job_id)
    give_up = time.monotonic() + _STOP_TIMEOUT_S
    while (job := ray.job(job_id)) is not None and not job.has_ended:
        if time.monotonic() > give_up:
            raise UnreachableError(
                f"Ray at {ray.url} did not end job {job_id} within {_STOP_TIMEOUT_S:g} s",
                hint=f"`ray job stop {job_id} --address {ray.url}`, then again",
            )
        time.sleep(_POLL_S)
