"""How many jobs a second a server takes over HTTP, and what each costs while it waits.

The server has one core and the clients the other; nothing runs, since no cluster is there.
"""

from __future__ import annotations

import secrets
import threading
import time

from apart import Apart, Caller, server_apart
from measuring import Section, rounds_parser, say, spread

CLIENTS = 4, 16
"""So many send at once, each of them one job after another."""
SPEC = {
    "name": "tiny",
    "framework": "command",
    "entrypoint": ["true"],
    "workdir": "/tmp",
    "resources": {"workers": 1, "gpus_per_worker": 0},
}


def main() -> None:
    parser = rounds_parser(__doc__)
    parser.add_argument("--jobs", type=int, default=1600, help="of each round; default: 1600")
    args = parser.parse_args()
    section = Section("Submits", rounds=args.rounds)
    rates: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
    with server_apart() as server:
        _submit(server, args.jobs, CLIENTS[0])  # its first ones
        before = server.memory(), server.disk()
        for number in range(args.rounds):
            for clients, found in rates.items():
                say(f"round {number + 1}/{args.rounds}, {clients} clients")
                found.append(_submit(server, args.jobs, clients))
        count = args.rounds * len(rates) * args.jobs
        memory, disk = (server.memory() - before[0]) / count, (server.disk() - before[1]) / count
    section.table(
        ["clients at once", "jobs a second"],
        [[str(clients), f"{spread(found, 'a second')}"] for clients, found in rates.items()],
    )
    section.note(
        f"Goal 300. A job that waits takes {memory / 1000:.1f} kB of memory and {disk / 1000:.1f} "
        "kB on disk, and no process; goal 10 kB. The server on one core and the clients on another."
    )
    section.print()


def _submit(server: Apart, count: int, clients: int) -> float:
    """Jobs a second."""
    data = {"spec": SPEC, "user": "ada", "code": ""}

    def client() -> None:
        caller = Caller(server)
        for _ in range(count // clients):
            caller.ask("POST", "/jobs", data, Idempotency_Key=secrets.token_hex(8))
        caller.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    begun = time.perf_counter()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return count / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
