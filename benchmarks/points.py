"""How many metric points a second a server takes, and how it answers people meanwhile.

Agents send as fast as they are answered, through the route that real ones use; the server has one
core and they the other.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apart import Apart, Caller, server_apart
from measuring import Section, rounds_parser, say, spread
from reporters import Reporter, report_lines, reporters

AGENTS = 4


@dataclass(frozen=True)
class Load:
    """What each agent sends at once: as much as ranks report in so many seconds."""

    words: str
    names: tuple[str, ...]
    lines: int
    """A piece."""
    pieces: int
    """Of each agent, in a round."""

    @property
    def points(self) -> int:
        return AGENTS * self.pieces * self.lines * len(self.names)


GOAL = 100_000
"""Points a second of one core."""
LOADS = (
    Load("one name a report, 10,000 reports at once", ("loss",), 10_000, 8),
    Load("one name a report, 1,000 at once", ("loss",), 1_000, 40),
    Load("4 names a report, 1,000 at once", ("loss", "accuracy", "lr", "grad_norm"), 1_000, 20),
    Load("200 names a report, 100 at once", tuple(f"layer{n}" for n in range(200)), 100, 5),
    Load("one name a report, one at once", ("loss",), 1, 100),
)
PAGES = "/jobs?limit=100", "/jobs/{job}", "/jobs/{job}/series", "/jobs/{job}/curves?name=loss"


def main() -> None:
    parser = rounds_parser(__doc__, default=5)
    parser.add_argument("--paced", type=float, default=15, help="seconds at half load; default: 15")
    args = parser.parse_args()
    section = Section("Metric points", rounds=args.rounds)
    rates: dict[Load, list[float]] = {load: [] for load in LOADS}
    cores: dict[Load, list[float]] = {load: [] for load in LOADS}
    for number in range(args.rounds):
        say(f"round {number + 1}/{args.rounds}")
        with server_apart() as server:
            agents = reporters(server, AGENTS * len(LOADS))
            for place, load in enumerate(LOADS):
                some = agents[place * AGENTS : (place + 1) * AGENTS]
                rate, per_core = _flood(server, some, load)
                rates[load].append(rate)
                cores[load].append(per_core)
    section.table(
        [f"{AGENTS} agents", "points", "points per second of the server's core"],
        [[load.words, spread(rates[load], "a second"), spread(cores[load], "")] for load in LOADS],
    )
    half = GOAL / 2
    with server_apart() as server:
        say(f"pages at {half:,.0f} points a second")
        section.table(
            [f"at {half:,.0f} points a second", "median", "p99", "asked"],
            _pages(server, half, args.paced),
        )
    section.note(f"Goals: {GOAL:,} points a second; p99 below 200 ms at half of that.")
    section.print()


def _flood(server: Apart, agents: Sequence[Reporter], load: Load) -> tuple[float, float]:
    """Points a second, and points for each second of the server's core."""
    whole = [list(_pieces(load)) for _ in agents]

    def send(agent: Reporter, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            agent.send(piece)

    threads = [threading.Thread(target=send, args=pair) for pair in zip(agents, whole, strict=True)]
    burnt, begun = server.burnt_s(), time.perf_counter()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    took, burnt = time.perf_counter() - begun, server.burnt_s() - burnt
    for agent in agents:
        agent.close()
    return load.points / took, load.points / max(burnt, 0.01)


def _pieces(load: Load) -> Iterator[bytes]:
    for first in range(0, load.pieces * load.lines, load.lines):
        yield report_lines(first, load.lines, load.names)


def _pages(server: Apart, rate: float, lasts_s: float) -> list[list[str]]:
    """How long each question of a page takes while points come at this rate."""
    agents, ended = reporters(server, AGENTS), threading.Event()
    lines, beat_s = round(rate / AGENTS / 2), 0.5

    def send(agent: Reporter, pieces: Sequence[bytes], first_s: float) -> None:
        for number, piece in enumerate(pieces):
            if ended.wait(max(0.0, first_s + number * beat_s - time.perf_counter())):
                return
            agent.send(piece)

    count = int(lasts_s / beat_s)
    pieces = [report_lines(n * lines, lines, ("loss",)) for n in range(count)]
    now = time.perf_counter()
    threads = [
        threading.Thread(target=send, args=(agent, pieces, now + n * beat_s / AGENTS))
        for n, agent in enumerate(agents)
    ]
    for one in threads:
        one.start()
    caller, took = Caller(server), {page: list[float]() for page in PAGES}
    for page in PAGES:  # what a server's first answer of a kind costs is paid once
        caller.ask("GET", page.format(job=agents[0].job))
    while time.perf_counter() < now + lasts_s:
        for page, times in took.items():
            begun = time.perf_counter()
            caller.ask("GET", page.format(job=agents[0].job))
            times.append(1000 * (time.perf_counter() - begun))
            time.sleep(0.02)
    ended.set()
    for one in threads:
        one.join()
    return [
        [
            f"`{page}`",
            f"{statistics.median(times):.0f} ms",
            f"{statistics.quantiles(times, n=100)[-1]:.0f} ms",
            str(len(times)),
        ]
        for page, times in took.items()
    ]


if __name__ == "__main__":
    main()
