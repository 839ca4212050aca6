"""What `python.requirements` adds to the start of a job whose environment is there already.

The same program of the standard library alone, with and without requirements. The first job with
them makes the environment, from a package index or uv's cache: that is told and not compared.
"""

from __future__ import annotations

import statistics
import time

from embedded import Embedded, embedded
from marked import marked_folder
from measuring import Section, interleaved, rounds_parser, say, spread

GOAL_S = 0.3
REQUIREMENTS = ["packaging"]


def main() -> None:
    args = rounds_parser(__doc__).parse_args()
    section = Section("An environment that is there", rounds=args.rounds)
    with embedded() as cluster:
        say("the environment is made")
        made_s = _first_line(cluster, REQUIREMENTS)
        results = interleaved(
            args.rounds,
            {
                "without": lambda: _first_line(cluster, []),
                "with": lambda: _first_line(cluster, REQUIREMENTS),
            },
        )
    plain, warm = results["without"], results["with"]
    added = [own - other for own, other in zip(warm, plain, strict=True)]
    section.table(
        ["submit to the program's first line", "wall", "goal"],
        [
            ["without requirements", spread(plain), ""],
            ["with them, the environment there", spread(warm), ""],
            ["what they add", f"{statistics.median(added):+.3f} s", f"≤ {GOAL_S:g} s"],
        ],
    )
    section.note(f"The first job with them, which made it: {made_s:.2f} s.")
    section.print()


def _first_line(cluster: Embedded, requirements: list[str]) -> float:
    with marked_folder() as marks:
        keys = {"python": {"requirements": requirements}} if requirements else {}
        begun = time.time()
        job = cluster.submit("line.py", str(marks.path), workers=1, **keys).id
        came = marks.last("line", ranks=1)
        cluster.await_end(job)
        return came - begun


if __name__ == "__main__":
    main()
