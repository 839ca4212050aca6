"""Does a program that saves by itself run slower while its file is committed (`checkpoints.watch`)?

The same program with and without it: 64 MiB every 6 s, steps of about a millisecond between.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from embedded import Embedded, embedded
from marked import marked_folder
from measuring import Section, interleaved, ratio, rounds_parser, spread

PROGRAM = "snapshots.py"
FIGURES = ("near mean", "far mean", "steps", "save")


@dataclass(frozen=True)
class Run:
    """Milliseconds of a step, in the 4 s after a save (`near`) and later; seconds of a save."""

    figures: dict[str, float]
    commits: int


def main() -> None:
    args = rounds_parser(__doc__).parse_args()
    section = Section("Watched checkpoints", rounds=args.rounds)
    with embedded() as cluster:
        results = interleaved(
            args.rounds,
            {
                "not watched": lambda: _run(cluster, watch=[]),
                "watched": lambda: _run(cluster, watch=["snapshot.pt"]),
            },
        )
    bare, watched = results["not watched"], results["watched"]
    section.table(
        ["", "not watched", "watched", "ratio"],
        [_row(words, figure, bare, watched) for words, figure in _ROWS.items()],
    )
    commits = statistics.median(run.commits for run in watched)
    section.note(f"Commits of 64 MiB in a run: {commits:g}.")
    section.print()


_ROWS: dict[str, Callable[[dict[str, float]], float]] = {
    "a step within 4 s of a save, against one later (means)": lambda f: (
        f["near mean"] / f["far mean"]
    ),
    "a step within 4 s of a save, mean ms": lambda f: f["near mean"],
    "a step later, mean ms": lambda f: f["far mean"],
    "steps in all": lambda f: f["steps"],
    "a save, s": lambda f: f["save"],
}


def _row(
    words: str,
    figure: Callable[[dict[str, float]], float],
    bare: Sequence[Run],
    watched: Sequence[Run],
) -> list[str]:
    own, other = ([figure(run.figures) for run in runs] for runs in (watched, bare))
    return [words, spread(other, ""), spread(own, ""), ratio(own, other)]


def _run(cluster: Embedded, watch: list[str]) -> Run:
    with marked_folder() as marks:
        keys = {"checkpoints": {"watch": watch, "keep_last": 100}} if watch else {}
        job = cluster.submit(PROGRAM, str(marks.path), workers=1, **keys).id
        figures = {name: marks.wait(name, ranks=1)[0].value for name in FIGURES}
        cluster.await_end(job)
        return Run(figures, len(cluster.client.checkpoints(job)))


if __name__ == "__main__":
    main()
