"""`ray start` as the embedded cluster needs it; run as a program, never imported by one.

Ray's own command line does the work. Three functions of its inside are replaced first:

- It rewrites 127.0.0.1 to the machine's address and so listens to the whole network. Kept as it
  is, every port of an embedded cluster is bound to the loopback interface alone.
- Even with `--include-dashboard=false` it starts a dashboard process that only reports usage, and
  waits for it: half a second or more and 55 MB for nothing.
- Where grpc is installed it starts a server for remote drivers on a fixed port, on which two users
  of one machine clash.

Should a later Ray know these functions by other names, all still works: slower, and on an open port
that the token guards.

The first line of standard input is the order to begin. A parent that dies before it has written
down whom it started closes the pipe instead, and nothing is started.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any


def main() -> None:
    if not sys.stdin.readline():
        sys.exit("not started: the process that asked for it is gone")
    with contextlib.suppress(ImportError, AttributeError):
        _trim()
    from ray.scripts.scripts import main as ray_command_line

    ray_command_line()


def _trim() -> None:
    from ray._private import node, services

    services.resolve_ip_for_localhost = _same_host
    node.Node.start_api_server = _start_nothing
    node.Node.start_ray_client_server = _start_nothing


def _same_host(host: str) -> str:
    return host


def _start_nothing(_node: Any, **_options: Any) -> None:
    return None


if __name__ == "__main__":
    main()
