"""A server on PostgreSQL against one on SQLite, with 50 clients at once, in turn.

Needs PostgreSQL's programs on this machine: it starts one of its own, which syncs its disk as any
does. The server has one core, the clients the other one, PostgreSQL takes of both.
"""

from __future__ import annotations

import secrets
import statistics
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from apart import Apart, Caller, server_apart
from measuring import Section, ratio, rounds_parser, say, spread
from reporters import report_lines, reporters
from submits import SPEC

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "integration"))
from own_postgresql import OwnPostgreSQL, programs

CLIENTS = 50
JOBS, LISTS = 800, 250
LINES, PIECES = 1000, 2
"""Reports of one name in a piece, and pieces that each agent sends."""
_numbers = count()


def main() -> None:
    args = rounds_parser(__doc__).parse_args()
    if programs() is None:
        sys.exit("there is no PostgreSQL on this machine: .ci/postgresql installs Debian's")
    section = Section(f"PostgreSQL, {CLIENTS} clients at once", rounds=args.rounds)
    durable = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    found: dict[str, list[list[float]]] = {"SQLite": [], "PostgreSQL": []}
    with OwnPostgreSQL(**durable, autovacuum="on") as postgresql:

        def options(name: str) -> tuple[str, ...]:
            if name == "SQLite":
                return ()
            return ("--database", postgresql.create(f"bench_{next(_numbers)}"))

        for number in range(args.rounds):
            for name, figures in found.items():
                say(f"round {number + 1}/{args.rounds}: {name}")
                with server_apart(lambda _: None, *options(name)) as server:
                    asked = _jobs(server)
                with server_apart(lambda _: None, *options(name)) as server:
                    figures.append([*asked, _points(server)])
    words = [
        ("submits", "a second"),
        ("a list of 100 jobs, median", "ms"),
        ("a list of 100 jobs, p99", "ms"),
        ("metric points", "a second"),
    ]
    own, peer = (list(zip(*found[name], strict=True)) for name in ("PostgreSQL", "SQLite"))
    section.table(
        ["", "SQLite", "PostgreSQL", "÷ SQLite"],
        [
            [title, spread(peer[at], unit), spread(own[at], unit), ratio(own[at], peer[at])]
            for at, (title, unit) in enumerate(words)
        ],
    )
    section.note(
        "Lists are asked for by all clients at once, as fast as they are answered. PostgreSQL runs "
        "on the same machine, over a Unix socket, and syncs the disk; a network comes on top."
    )
    section.print()


def _jobs(server: Apart) -> list[float]:
    """Submits a second, and how long lists take."""
    _at_once(server, 2, _submit)  # its first ones
    submits = JOBS / _at_once(server, JOBS // CLIENTS, _submit)
    took: list[float] = []
    _at_once(server, LISTS // CLIENTS, lambda caller: took.append(_list(caller)))
    took.sort()
    return [submits, statistics.median(took) * 1000, took[int(len(took) * 0.99)] * 1000]


def _submit(caller: Caller) -> None:
    data = {"spec": SPEC, "user": "ada", "code": ""}
    caller.ask("POST", "/jobs", data, Idempotency_Key=secrets.token_hex(8))


def _list(caller: Caller) -> float:
    begun = time.perf_counter()
    caller.ask("GET", "/jobs?limit=100")
    return time.perf_counter() - begun


def _points(server: Apart) -> float:
    """Taken a second of as many agents."""
    agents = reporters(server, CLIENTS)
    pieces = [report_lines(n * LINES, LINES, ("loss",)) for n in range(PIECES)]
    threads = [
        threading.Thread(target=lambda agent=agent: [agent.send(piece) for piece in pieces])
        for agent in agents
    ]
    took_s = _run(threads)
    for agent in agents:
        agent.close()
    return CLIENTS * PIECES * LINES / took_s


def _at_once(server: Apart, times: int, ask: Callable[[Caller], object]) -> float:
    """Seconds until all clients have asked so often."""

    def client() -> None:
        caller = Caller(server)
        for _ in range(times):
            ask(caller)
        caller.close()

    return _run([threading.Thread(target=client) for _ in range(CLIENTS)])


def _run(threads: list[threading.Thread]) -> float:
    """Seconds that they took together."""
    begun = time.perf_counter()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
