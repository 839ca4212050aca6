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
GOAL = "goal ≥ 0.9"


def main() -> None:
    parser = rounds_parser(__doc__)
    parser.add_argument("--width", type=int, default=1024, help="neurons of a hidden layer")
    args = parser.parse_args()
    section = Section("Keras on torch", rounds=args.rounds)
    rates = _run(args.rounds, args.width)
    fit, loop, keras_adam = rates["fit"], rates["loop"], rates["keras_adam"]
    section.table(
        [f"784-{args.width}-{args.width}-10, {WORKERS} workers", "steps", "`fit` against it"],
        [
            ["`fit` through `distribute`, with `Callback`", spread(fit, "a second"), ""],
            [
                "loop over DDP, torch's Adam",
                spread(loop, "a second"),
                f"{ratio(fit, loop)}, {GOAL}",
            ],
            ["loop over DDP, Keras's Adam", spread(keras_adam, "a second"), ratio(fit, keras_adam)],
        ],
    )
    section.note(
        "Keras's Adam passes over the weights more often than torch's: the last row has it too."
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
