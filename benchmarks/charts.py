"""How long the charts of long series take, over HTTP, of a server that has just started and again.

The store was filled before: a million points of one series, as they come in pieces of several
sizes, put together in the background as a server does; two hundred such series; five thousand.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from apart import Apart, Caller, server_apart
from measuring import Section, rounds_parser, say, spread
from reporters import report_lines

from launcher.server.control import new_job
from launcher.spec.judge import spec_from_data
from launcher.store import Store, jobs, open_store
from launcher.store.intake import Append, SpoolName
from launcher.store.packing import Arrays, pack_arrays
from launcher.store.tables import batches, series

POINTS = 1_000_000
PIECES = 10, 1000, 10_000
"""Points of `loss` that come at once."""
WIDE = "wide"
MANY = "many"


def main() -> None:
    parser = rounds_parser(__doc__)
    parser.add_argument("--series", type=int, default=200, help="of a million points; default: 200")
    args = parser.parse_args()
    section = Section(f"Charts of series of {POINTS:,} points", rounds=args.rounds)
    names: dict[str, str] = {}

    def fill(folder: Path) -> None:
        with closing(open_store(folder)) as store:
            for size in PIECES:
                say(f"{POINTS:,} points, {size:,} at once")
                names[f"{size}"] = _job(store, f"by-{size}")
                _fill_by(store, names[f"{size}"], size)
            say(f"{args.series} series")
            names[WIDE] = _job(store, WIDE)
            _fill_wide(store, names[WIDE], args.series)
            names[MANY] = _job(store, MANY)
            lines = report_lines(0, 20, [f"layer{number}/norm" for number in range(5000)])
            store.metrics.append(names[MANY], 1, 0, 0, lines)

    asked: dict[str, tuple[str, str]] = {
        f"1 series, reported {size:,} at once": (f"{size}", "curves?name=loss") for size in PIECES
    }
    asked |= {
        "the same over time": ("1000", "curves?name=loss&x=time"),
        "a tenth of it": ("1000", "curves?name=loss&from=450000&to=550000"),
        f"12 of {args.series} series": (WIDE, _some_of(range(12))),
        "names of 5,000 series": (MANY, "series"),
    }
    cold: dict[str, list[float]] = {words: [] for words in asked}
    warm: dict[str, list[float]] = {words: [] for words in asked}
    memory: list[float] = []
    with server_apart(fill) as server:
        _warm_up(server, names[MANY])
        before = server.memory()
        for words, (job, question) in asked.items():
            say(words)
            cold[words].append(_ask(server, names[job], question))
            warm[words] += [_ask(server, names[job], question) for _ in range(args.rounds)]
        for first in range(0, args.series, 12):
            _ask(server, names[WIDE], _some_of(range(first, min(first + 12, args.series))))
            memory.append((server.memory() - before) / 2**20)
    section.table(
        ["", "first time", "again"],
        [[words, spread(cold[words], "ms"), spread(warm[words], "ms")] for words in asked],
    )
    section.note(
        f"Goal 100 ms for one series. All {args.series} series drawn, 12 at a time: the server "
        f"takes {max(memory):.0f} MiB more than before, {statistics.median(memory):.0f} MiB in "
        "the median. The first time: nothing of the job was asked before since the server started."
    )
    section.print()


def _some_of(numbers: range) -> str:
    return "curves?" + "&".join(f"name=s{number}" for number in numbers)


def _ask(server: Apart, job: str, question: str) -> float:
    """Milliseconds until the whole answer is read."""
    caller = Caller(server)
    begun = time.perf_counter()
    caller.ask("GET", f"/jobs/{job}/{question}")
    took = 1000 * (time.perf_counter() - begun)
    caller.close()
    return took


def _warm_up(server: Apart, job: str) -> None:
    """What a server's first answer costs is not a chart's."""
    for _ in range(3):
        _ask(server, job, "curves?name=none")


def _job(store: Store, name: str) -> str:
    spec = spec_from_data(
        {"name": name, "framework": "command", "entrypoint": ["true"], "workdir": "/tmp"}
    )
    job = new_job(spec, code="", user="ada", python="", now=time.time())
    with store.begin() as tx:
        jobs.insert(tx, job, None)
    return job.id


def _fill_by(store: Store, job: str, size: int) -> None:
    offset, at = 0, time.time()
    for pieces in _some(range(0, POINTS, size)):
        appends = []
        for first in pieces:
            data = report_lines(first, size, ("loss",), at + first / 1000)
            appends.append(Append(SpoolName(job, 1, 0), offset, data))
            offset += len(data)
        store.metrics.append_all(appends)
        store.metrics.compaction.work()


def _some(numbers: range) -> Iterator[range]:
    for first in range(0, len(numbers), 500):
        yield numbers[first : first + 500]


def _fill_wide(store: Store, job: str, count: int) -> None:
    """As compaction leaves it; through the agents' route it would take an hour."""
    database = store.metrics._database  # noqa: SLF001 - what fills it is no part of the project
    rng, steps = np.random.default_rng(1), np.arange(POINTS)
    times, each = time.time() + np.cumsum(rng.uniform(0.001, 0.01, POINTS)), 2**18
    for number in range(count):
        values = np.float64(np.float32(np.exp(-steps / 3e5) + rng.normal(0, 0.1, POINTS)))
        figures = {"count": POINTS, "first_step": 0, "last_attempt": 1, "last_step": POINTS - 1}
        about = {"job_id": job, "rank": 0, "name": f"s{number}", "last_value": values[-1]}
        with database.begin() as tx:
            series_id = tx.execute(series.insert(), about | figures).inserted_primary_key[0]
            rows = [
                Arrays(steps, values, times).part(first, first + each)
                for first in range(0, POINTS, each)
            ]
            key = {"job_id": job, "series_id": series_id, "attempt": 1}
            tx.execute(batches.insert(), [key | {"data": pack_arrays(row)} for row in rows])


if __name__ == "__main__":
    main()
