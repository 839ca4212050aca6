"""Does a program that saves by itself run slower while its file is committed (`checkpoints.watch`)?

The same program as two jobs, one of them watched: both save 64 MiB when they wake, and train until
they sleep. What is compared is the training of all slices, the commits within them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from background import background
from embedded import Embedded, embedded
from marked import marked_folder
from measuring import Section, ratio, rounds_parser, spread
from slices import Training, descendants, in_all, in_turn

PROGRAM = "snapshots.py"
MARKED_STEPS = 10
"""As in the program, which needs torch."""
WARM_UP_S = 8.0
"""More than the first commit takes."""


def main() -> None:
    parser = rounds_parser(__doc__, default=20)
    parser.add_argument("--slice", type=float, default=6.0, help="seconds; default: %(default)s")
    args = parser.parse_args()
    section = Section("Watched checkpoints", rounds=args.rounds)
    with (
        embedded() as cluster,
        _job(cluster, watch=[]) as (bare, _),
        _job(cluster, watch=["snapshot.pt"]) as (watched, name),
    ):
        time.sleep(WARM_UP_S)
        before = _commits(cluster, name)
        in_turn(watched, bare, rounds=args.rounds, slice_s=args.slice)
        commits = _commits(cluster, name) - before
        own, other = watched.rates(), bare.rates()
    section.table(
        ["not watched", "watched", "÷ not watched", "in all (95 %)"],
        [[spread(other, "steps/s"), spread(own, "steps/s"), ratio(own, other), in_all(own, other)]],
    )
    section.note(
        f"A round is a slice of {args.slice:g} s of each; {commits} commits of 64 MiB in the "
        f"{args.rounds} slices of the watched one."
    )
    section.print()


@contextlib.contextmanager
def _job(cluster: Embedded, watch: list[str]) -> Iterator[tuple[Training, str]]:
    """A job that trains; with the watched one sleeps its agent, which does all the watching."""
    with marked_folder() as marks:
        keys = {"checkpoints": {"watch": watch, "keep_last": 1000}} if watch else {}
        job = cluster.submit(PROGRAM, str(marks.path), workers=1, **keys)
        [rank] = marks.wait("steps", ranks=1, first=True)
        beside = background(cluster, rank.pid) if watch else ()
        kept = {process for process, name in beside if name == "agent"}
        yield Training(marks, kept | descendants([rank.pid]), MARKED_STEPS), job.id
        cluster.client.cancel(job.id, force=True)  # the other one still holds its place


def _commits(cluster: Embedded, job: str) -> int:
    return len(cluster.client.checkpoints(job))


if __name__ == "__main__":
    main()
