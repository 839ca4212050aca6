"""What becomes of a rank that prints 50 MB/s for a minute, and of the training beside it?

A gang of two: one rank trains and counts its steps, the other one writes numbered lines: nowhere,
into a file of its own, to its output. What a step loses to a neighbour who writes a file it loses
without launcher too. Then every line that the server has is looked at. Needs 6 GB of disk.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from embedded import Embedded, embedded
from measuring import Section, rounds_parser, say, wait_until
from programs.burst import LINE

from launcher.units import format_size

MB = 1_000_000


@dataclass(frozen=True)
class Burst:
    """Bytes of the log on the server: `kept`, with the line that tells of those that are `missing`.

    `late_s`: from the last write until the job had ended, with all that there is on the server.
    """

    steps_per_s: float
    printed: int = 0
    slowest_s: float = 0.0
    kept: int = 0
    missing: int = 0
    late_s: float = 0.0


def main() -> None:
    parser = rounds_parser(__doc__, default=1)
    parser.add_argument("--seconds", type=float, default=60.0, help="default: %(default)s")
    parser.add_argument("--rate", type=float, default=50.0, help="MB/s; default: %(default)s")
    args = parser.parse_args()
    section = Section("A burst of output", rounds=args.rounds)
    rate = int(args.rate * MB)
    rows = []
    with embedded() as cluster:
        for _ in range(args.rounds):
            for what, to, seconds in (
                ("nobody writes", "nothing", args.seconds / 2),
                ("writes a file", "file", args.seconds),
                (f"prints for {args.seconds / 6:g} s", "output", args.seconds / 6),
                (f"prints for {args.seconds:g} s", "output", args.seconds),
            ):
                found = burst(cluster, to, seconds, rate)
                say(f"{what}: {found}")
                rows.append([what, *cells(found)])
    section.table(
        ["the other rank", "steps/s", "printed", "slowest write", "on the server", "missing, told",
         "all there after"],
        rows,
    )  # fmt: skip
    section.note(
        "A write is of 0.5 MB. Every line on the server was compared with what was printed there; "
        "printed = on the server + missing, to the byte, or the benchmark ends. The cap is 1 GiB."
    )
    section.print()


def burst(cluster: Embedded, to: str, seconds: float, rate: int) -> Burst:
    with tempfile.TemporaryDirectory(prefix="launcher-burst-") as name:
        folder = Path(name)
        job = cluster.submit("burst.py", name, to, str(seconds), str(rate), framework="pytorch")
        wrote = json.loads(wait_until(lambda: _text(folder / "wrote"), "its end", 600))
        ended = time.time()
        trained = json.loads(wait_until(lambda: _text(folder / "trained"), "the training's end"))
        cluster.await_end(job.id)
        if to != "output":
            return Burst(trained["steps_per_s"], int(wrote["bytes"]), wrote["slowest_s"])
        job_over = cluster.client.job(job.id).ended_at or time.time()
        [log] = [one for one in cluster.client.log_streams(job.id) if one.rank == 1]
        kept = _verified(cluster, job.id)
        printed = int(wrote["bytes"])
        assert log.length == printed, f"{log.length} bytes of {printed}"
        assert kept + log.missing == printed, f"{kept} + {log.missing} of {printed}"
        cluster.client.remove(job.id)
    rates = trained["steps_per_s"]
    return Burst(rates, printed, wrote["slowest_s"], kept, log.missing, job_over - ended)


def _verified(cluster: Embedded, job: str) -> int:
    """Bytes of the log that the server has. Each line follows the one before, but for gaps.

    Raises:
        AssertionError: a line is none that was printed, or stands where it does not belong.
    """
    expected: int | None = 0
    kept, rest, torn = 0, b"", b""
    for piece in cluster.client.log(job, 1, 1):
        kept += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"[launcher: "):
                expected, torn = None, b""
            elif len(line) == LINE - 1:
                assert not torn, f"{torn!r} is no whole line"
                number = int(line[:9])
                assert expected in {number, None}, f"line {number}, not {expected}"
                expected = number + 1
            elif expected is not None:
                torn = line  # it may end where a gap begins, as the next line will tell
    assert not rest + torn, f"{rest + torn!r} is no whole line"
    return kept


def cells(found: Burst) -> list[str]:
    steps = f"{found.steps_per_s:.1f}"
    if not found.printed:
        return [steps, "", "", "", "", ""]
    printed, slowest = format_size(found.printed), f"{1000 * found.slowest_s:.0f} ms"
    if not found.kept:
        return [steps, printed, slowest, "", "", ""]
    server = [format_size(found.kept), format_size(found.missing), f"{found.late_s:.1f} s"]
    return [steps, printed, slowest, *server]


def _text(file: Path) -> str | None:
    return file.read_text() if file.exists() else None


if __name__ == "__main__":
    main()
