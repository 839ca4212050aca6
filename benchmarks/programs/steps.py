"""The steps of the trainings that frameworks.py measures, and the sizes of their networks."""

from __future__ import annotations

import itertools
from argparse import ArgumentParser
from collections.abc import Iterator

from marks import Marks

BATCH, WIDTH, CLASSES = 32, 256, 10
LAYERS = ((WIDTH, WIDTH), (WIDTH, WIDTH), (WIDTH, CLASSES))
MARKED_STEPS = 10


def steps(begun: float) -> Iterator[int]:
    """Numbers of the steps to make, one or without end, as the command line says.

    A step is taken to be made, and marked, when the next one is asked for.

    Args:
        begun: when the program began, seconds since the epoch.
    """
    parser = ArgumentParser()
    parser.add_argument("--marks", required=True, metavar="FOLDER")
    parser.add_argument("--endless", action="store_true", help="mark every tenth step")
    args = parser.parse_args()
    marks = Marks(args.marks)
    marks.add("line", begun)
    yield 1
    marks.add("step")
    for number in itertools.count(2) if args.endless else ():
        yield number
        if number % MARKED_STEPS == 0:
            marks.add("steps")
