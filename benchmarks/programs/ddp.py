"""The measured training as launcher and torchrun start it: one process a rank."""

import time

BEGUN = time.time()


def main() -> None:
    from argparse import ArgumentParser

    from marks import Marks

    parser = ArgumentParser()
    parser.add_argument("--marks", required=True, metavar="FOLDER")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--endless", action="store_true", help="mark every tenth step")
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--tell", action="store_true", help="call launcher.report each step")
    args = parser.parse_args()
    marks = Marks(args.marks)
    marks.add("line", BEGUN)

    from loop import train

    from launcher.train.pytorch import process_group

    with process_group():
        train(marks, steps=args.steps, pause_s=args.pause, endless=args.endless, tell=args.tell)


if __name__ == "__main__":
    main()
