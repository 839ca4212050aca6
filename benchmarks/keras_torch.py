"""Steps a second of Keras's `fit` through `distribute`, beside a torch loop of DDP, same model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from measuring import Section, ratio, rounds_parser, spread

PROGRAM = Path(__file__).parent / "programs" / "keras_slices.py"
WORKERS = 2
GOAL = 0.9


def main() -> None:
    parser = rounds_parser(__doc__)
    parser.add_argument("--width", type=int, default=1024, help="neurons of a hidden layer")
    args = parser.parse_args()
    section = Section("Keras on torch", rounds=args.rounds)
    rates = _run(args.rounds, args.width)
    section.table(
        [f"784-{args.width}-{args.width}-10, {WORKERS} workers", "steps a second", "against DDP"],
        [
            ["torch loop over DDP", spread(rates["loop"], "a second"), ""],
            [
                "`fit` through `distribute`, with `Callback`",
                spread(rates["fit"], "a second"),
                f"{ratio(rates['fit'], rates['loop'])}, goal ≥ {GOAL:g}",
            ],
        ],
    )
    section.print()


def _run(rounds: int, width: int) -> dict[str, list[float]]:
    """Both ways in turn in the same processes, under torchrun."""
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={WORKERS}"]
    done = subprocess.run(
        [sys.executable, *launch, str(PROGRAM), f"--rounds={rounds}", f"--width={width}"],
        env={**os.environ, "KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    rates: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return rates


if __name__ == "__main__":
    main()
