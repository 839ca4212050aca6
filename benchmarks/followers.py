"""What many who follow one live job cost, and how soon each of them is told.

The server has one core; the agent that reports and all followers have the other. Then the whole
way: from `report()` in a program to `Client.follow`, and the same for a printed line.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from apart import Apart, server_apart
from embedded import embedded
from measuring import Section, rounds_parser, say, spread
from reporters import Reporter, report_lines, reporters

from launcher.follow import LogChunk, MetricsBatch


@dataclass
class Heard:
    """Seconds from each report's time to its arrival, of one follower."""

    delays: list[float] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)


def main() -> None:
    parser = rounds_parser(__doc__, default=3)
    parser.add_argument("--followers", type=int, default=200, help="default: 200")
    parser.add_argument("--lasts", type=float, default=15, help="seconds a round; default: 15")
    args = parser.parse_args()
    section = Section(f"{args.followers} followers of a live job", rounds=args.rounds)
    rows = []
    with server_apart() as server:
        agents = reporters(server, 2 * args.rounds)
        for every_s in (1.0, 0.2):
            costs, medians, worst = [], [], []
            for _ in range(args.rounds):
                say(f"a report every {every_s:g} s")
                cost, delays = _round(server, agents.pop(), args.followers, every_s, args.lasts)
                costs.append(cost)
                medians.append(statistics.median(delays))
                worst.append(statistics.quantiles(delays, n=100)[-1])
            rows.append([f"{every_s:g} s", spread(costs, "cores"), spread(medians), spread(worst)])
    section.table(["10 points every", "the server takes", "told after, median", "p99"], rows)
    reported, printed = _whole_way(args.lasts)
    section.note(
        f"The whole way on the embedded cluster: `report()` to a follower {spread(reported)}, a "
        f"printed line {spread(printed)}. Goals: below one core, 1 s, 0.5 s in the median."
    )
    section.print()


def _round(
    server: Apart, agent: Reporter, followers: int, every_s: float, lasts_s: float
) -> tuple[float, Sequence[float]]:
    """Cores that the server takes, and all delays."""
    ended = threading.Event()

    def report() -> None:
        step = 0
        while not ended.wait(every_s):
            agent.send(report_lines(step, 10, ("loss",), time.time() - 0.01))
            step += 10

    reporting = threading.Thread(target=report)
    reporting.start()
    try:
        return asyncio.run(_follow(server, agent.job, followers, lasts_s))
    finally:
        ended.set()
        reporting.join()


async def _follow(
    server: Apart, job: str, followers: int, lasts_s: float
) -> tuple[float, Sequence[float]]:
    heard = [Heard() for _ in range(followers)]
    tasks = [asyncio.create_task(_hear(server, job, one)) for one in heard]
    await asyncio.gather(*(one.begun.wait() for one in heard))
    for one in heard:
        one.delays.clear()
    burnt, begun = server.burnt_s(), time.perf_counter()
    await asyncio.sleep(lasts_s)
    cost = (server.burnt_s() - burnt) / (time.perf_counter() - begun)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return cost, [delay for one in heard for delay in one.delays]


async def _hear(server: Apart, job: str, heard: Heard) -> None:
    host, _, port = server.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**22)
    head = f"GET /api/v1/jobs/{job}/follow?logs=none HTTP/1.1\r\nHost: {host}\r\n"
    writer.write(f"{head}Authorization: Bearer {server.token}\r\n\r\n".encode())
    try:
        while line := await reader.readline():
            if line.startswith(b'data: {"points"'):
                now = time.time()
                points = json.loads(line[6:])["points"]
                heard.begun.set()
                heard.delays.append(now - points[-1]["time"])
    finally:
        writer.close()


def _whole_way(lasts_s: float) -> tuple[list[float], list[float]]:
    """Seconds from `report()` and from a printed line to who follows the job."""
    reported: list[float] = []
    printed: list[float] = []
    with embedded() as cluster:
        job = cluster.submit("telling.py", workers=1).id
        give_up = time.monotonic() + 60 + lasts_s
        for message in cluster.client.follow(job):
            now = time.time()
            if isinstance(message, MetricsBatch):
                reported += [now - point.time for point in message.points]
            elif isinstance(message, LogChunk):
                stamps = [line for line in message.data.decode().split() if line[:1] == "1"]
                printed += [now - float(stamp) for stamp in stamps]
            if len(reported) > 10 * lasts_s or time.monotonic() > give_up:
                break
        cluster.end(job)
    return reported[20:], printed[20:]


if __name__ == "__main__":
    main()
