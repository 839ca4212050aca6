"""How many jobs a second a server takes over HTTP, and what each costs while it waits.

The server has one core and the clients the other; nothing runs, since no cluster is there.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from embedded import fresh_state
from measuring import Section, rounds_parser, say, spread, wait_until

from launcher.server.process import running_server

CLIENTS = 4
SPEC = {
    "name": "tiny",
    "framework": "command",
    "entrypoint": ["true"],
    "workdir": "/tmp",
    "resources": {"workers": 1, "gpus_per_worker": 0},
}
LOOKS = {"`list`": "/api/v1/jobs?limit=20&fold=1", "jobs API, 100": "/api/v1/jobs?limit=100"}


def main() -> None:
    parser = rounds_parser(__doc__)
    parser.add_argument("--jobs", type=int, default=600, help="of each round")
    args = parser.parse_args()
    section = Section("Submits", rounds=args.rounds)
    with _server() as (pid, address, token, folder):
        before = _memory(pid), _size(folder)
        rates = []
        for number in range(args.rounds):
            say(f"round {number + 1}/{args.rounds}")
            rates.append(_submit(address, token, args.jobs))
        count = args.rounds * args.jobs
        memory, disk = (_memory(pid) - before[0]) / count, (_size(folder) - before[1]) / count
        looks = {name: _look(address, token, path) for name, path in LOOKS.items()}
    section.table(
        [
            "jobs a second",
            "memory of a job",
            "on disk",
            *(f"{name}, {count:,} wait" for name in looks),
        ],
        [
            [
                f"{spread(rates, 'a second')}, goal 300",
                f"{memory / 1000:.1f} kB",
                f"{disk / 1000:.1f} kB",
                *(spread(times, "ms") for times in looks.values()),
            ]
        ],
    )
    section.note(f"{CLIENTS} clients at once, the server on one core and they on the other.")
    section.print()


@contextmanager
def _server() -> Iterator[tuple[int, str, str, Path]]:
    """Its pid, host:port, token and folder."""
    with fresh_state() as state_dir:
        server = subprocess.Popen(
            [sys.executable, "-m", "launcher", "server", "--state-dir", str(state_dir)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        mine = os.sched_getaffinity(0)
        try:
            url = wait_until(lambda: running_server(state_dir), "the server")
            own, other = sorted(mine)[:2]
            for thread in Path(f"/proc/{server.pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {own})
            os.sched_setaffinity(0, {other})
            token = (state_dir / "token").read_text().strip()
            yield server.pid, url.removeprefix("http://"), token, state_dir
        finally:
            os.sched_setaffinity(0, mine)
            server.terminate()
            server.wait()


def _submit(address: str, token: str, count: int) -> float:
    """Jobs a second."""
    body = json.dumps({"spec": SPEC, "user": "ada", "code": ""}).encode()

    def client() -> None:
        connection = HTTPConnection(address)
        for _ in range(count // CLIENTS):
            headers = {
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                "Idempotency-Key": secrets.token_hex(8),
            }
            connection.request("POST", "/api/v1/jobs", body, headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 201, answer.status
        connection.close()

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    begun = time.perf_counter()
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    return count / (time.perf_counter() - begun)


def _look(address: str, token: str, path: str, times: int = 5) -> list[float]:
    """Milliseconds."""
    connection, took = HTTPConnection(address), []
    for _ in range(times):
        begun = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        connection.getresponse().read()
        took.append((time.perf_counter() - begun) * 1000)
    connection.close()
    return took


def _memory(pid: int) -> int:
    """Bytes that are resident."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    main()
