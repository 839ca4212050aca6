"""The executor as one Ray job on the head of a running cluster: `launcher attach` sent it there.

Begins where its archive was unpacked, with an order beside it (`launcher.clusters._bundle`). Says
what it finds as lines of the job's log that begin with `MARK`: whoever attached reads them. What
can be checked before Ray is joined is checked first, since a refusal shall come soon.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from launcher import trust
from launcher.clusters._attaching import MARK
from launcher.clusters._bundle import ORDER
from launcher.clusters.ray import RunningRay
from launcher.errors import ConflictError, LauncherError, UnreachableError
from launcher.transport import Connection

log = logging.getLogger(__name__)

REFUSED = 3
"""Exit code after a refusal that was told."""
_PROBE_TIMEOUT_S = 5.0
_HEALTH = "/api/v1/healthz"


def main() -> None:
    """Check, join Ray, serve until the job is stopped."""
    order = json.loads(Path(ORDER).read_text())
    # Of this machine's other users nobody shall read the token; the archive is used once.
    Path(ORDER).unlink()
    leave_job_environment()
    if order.get("ca"):
        os.environ[trust.VARIABLE] = order["ca"]
    say(python=platform.python_version(), host=socket.gethostname())
    try:
        from launcher.executor.main import run

        if order.get("serve"):
            from launcher.executor.serving import serve_beside

            order["server"] = serve_beside(order)
        check_server(order["server"], order.get("server_id"))
        run(
            server=order["server"],
            token=order["token"],
            cluster=order["cluster"],
            source=RunningRay("auto"),
            joined=lambda: tell_joined(order["server"]),
            log_format=order.get("log_format"),
        )
    except LauncherError as error:
        say(refused=error.message, hint=error.hint, kind=type(error).__name__)
        sys.exit(REFUSED)


def say(**facts: Any) -> None:
    print(MARK + json.dumps(facts), flush=True)


def leave_job_environment() -> None:
    """What Ray made for this job is this process's alone: agents take no archive with them.

    Ray would give the job's runtime environment to all that its driver starts; agents shall start
    in workers that are there already, and outlive this job.
    """
    text = os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR")
    if text:
        config = json.loads(text) | {"runtime_env": {}}
        os.environ["RAY_JOB_CONFIG_JSON_ENV_VAR"] = json.dumps(config)


def check_server(url: str, server_id: str | None) -> None:
    """Ask the server for its id, from this head.

    Raises:
        UnreachableError: it does not answer here.
        ConflictError: another one answers at this address.
    """
    host = socket.gethostname()
    try:
        found = Connection(url, timeout_s=_PROBE_TIMEOUT_S).request("GET", _HEALTH).json()
    except LauncherError as error:
        cause = error.message.partition(f"{url}: ")[2] or error.message
        raise UnreachableError(
            f"the Ray head ({host}) does not reach your server at {url}: {cause}",
            hint=WAYS_OUT,
        ) from error
    except ValueError as error:
        raise ConflictError(
            f"what answers at {url} on the Ray head ({host}) is no server of launcher",
            hint=WAYS_OUT,
        ) from error
    if server_id is not None and found.get("server_id") != server_id:
        raise ConflictError(
            f"seen from the Ray head ({host}), another server answers at {url}", hint=WAYS_OUT
        )


WAYS_OUT = (
    "--server-url URL names the address that nodes reach your server by "
    "(`launcher up --listen 0.0.0.0` lets it be reached at all); --with-server runs one on the head"
)


def tell_joined(url: str) -> None:
    say(joined=True)
    threading.Thread(target=tell_nodes, args=(url,), name="tell-nodes", daemon=True).start()


def tell_nodes(url: str) -> None:
    """Say from which nodes the server cannot be reached: agents there could not work."""
    try:
        causes = reach_of_nodes(url)
    except Exception:  # a check that breaks shall not end an executor that works
        log.exception("the nodes were not checked")
        return
    say(nodes={node: cause for node, cause in causes.items() if cause}, of=len(causes))


def reach_of_nodes(url: str) -> dict[str, str]:
    """For each living node why it does not reach the server; empty where it does."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    believed = trust.own_ca()

    def look(address: str, timeout_s: float) -> str:  # shipped by value: imports what it uses
        import ssl
        import urllib.request

        context = ssl.create_default_context()
        if believed:
            context.load_verify_locations(cadata=believed)
        try:
            with urllib.request.urlopen(address, timeout=timeout_s, context=context):  # noqa: S310 - http(s)
                return ""
        except OSError as error:
            return str(getattr(error, "reason", error))

    task = ray.remote(look)
    pending = {}
    for node in ray.nodes():
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            answer = task.options(num_cpus=0, scheduling_strategy=there, max_retries=0).remote(
                url + _HEALTH, _PROBE_TIMEOUT_S
            )
            pending[answer] = str(node["NodeManagerAddress"])
    ready, late = ray.wait(list(pending), num_returns=len(pending), timeout=4 * _PROBE_TIMEOUT_S)
    causes = {pending[answer]: str(ray.get(answer)) for answer in ready}
    return causes | {pending[answer]: "its check did not end in time" for answer in late}


if __name__ == "__main__":
    main()
