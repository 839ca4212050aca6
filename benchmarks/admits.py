"""How many waiting jobs a second a server grants: decided, stored, and told to the cluster.

A cluster of a thousand nodes comes to a full queue. What speaks for it here speaks the executor's
protocol and starts nothing, so that what is measured is the server, which has one core.
"""

from __future__ import annotations

import threading
import time

from apart import Apart, Caller, Executor, server_apart
from measuring import Section, rounds_parser, say, spread, wait_until

ARRAY = 1000
"""An array has at most so many jobs."""
SPEC = {
    "name": "tiny",
    "framework": "command",
    "entrypoint": ["true"],
    "workdir": "/tmp",
    "resources": {"workers": 1, "cpus_per_worker": 1, "gpus_per_worker": 0},
    "array": f"0-{ARRAY - 1}",
}


def main() -> None:
    parser = rounds_parser(__doc__, default=3)
    parser.add_argument("--jobs", type=int, default=4000, help="of each round; default: 4000")
    parser.add_argument("--nodes", type=int, default=1000, help="of 8 CPUs each; default: 1000")
    args = parser.parse_args()
    section = Section(f"Admits: {args.jobs:,} jobs on {args.nodes:,} nodes", rounds=args.rounds)
    whole, granted = [], []
    for number in range(args.rounds):
        say(f"round {number + 1}/{args.rounds}")
        with server_apart() as server:
            grant_s, told_s = _round(server, args.jobs, args.nodes)
        granted.append(args.jobs / grant_s)
        whole.append(args.jobs / told_s)
    section.table(
        ["granted", "granted and told to the cluster"],
        [[spread(granted, "a second"), spread(whole, "a second")]],
    )
    section.note(
        "Goal 500 a second, as Slurm publishes of itself. Granted: stored with place and attempt, "
        "from the moment when the cluster reports its nodes to the last grant. Told: to when the "
        "executor has heard of all; it asks again as soon as it has an answer."
    )
    section.print()


def _round(server: Apart, count: int, nodes: int) -> tuple[float, float]:
    """Seconds until all jobs are granted, and until the cluster has been told of all."""
    caller, waiting = Caller(server), 0
    while waiting < count:
        caller.ask("POST", "/jobs", {"spec": SPEC, "user": "ada", "code": ""})
        waiting += ARRAY
    executor = Executor(server, nodes)
    begun, clock = time.perf_counter(), time.time()
    executor.report()
    ended = threading.Event()
    beat = threading.Thread(target=executor.report_until, args=(ended,))
    beat.start()
    wait_until(lambda: executor.ask() >= waiting, "the last grant")
    told_s = time.perf_counter() - begun
    ended.set()
    beat.join()
    last = caller.ask("GET", f"/jobs/{executor.newest}/events")["events"]
    moments = [event["time"] for event in last if event["kind"] == "granted"]
    caller.close()
    return max(moments) - clock, told_s


if __name__ == "__main__":
    main()
