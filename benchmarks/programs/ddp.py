"""The measured training as launcher and torchrun start it: one process a rank."""

# ruff: noqa: E402 - its imports are measured too

import time

BEGUN = time.time()

from argparse import ArgumentParser

from loop import train
from marks import Marks

from launcher.train.pytorch import process_group


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("--marks", required=True, metavar="FOLDER")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--endless", action="store_true", help="mark every tenth step")
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--tell", action="store_true", help="call launcher.report each step")
    args = parser.parse_args()
    marks = Marks(args.marks)
    marks.add("line", BEGUN)

    with process_group():
        train(marks, steps=args.steps, pause_s=args.pause, endless=args.endless, tell=args.tell)


if __name__ == "__main__":
    main()
