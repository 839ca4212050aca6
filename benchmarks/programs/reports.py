"""How long does `launcher.report` take? Measures a batch of calls whenever it is asked to.

For each phase it waits for a file `go-PHASE` in the folder of marks, and ends with the last one.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from marks import Marks

from launcher import report

CALLS = 5000


def main(folder: str, phases: int) -> None:
    marks = Marks(folder)
    marks.add("line")
    for phase in range(phases):
        while not Path(folder, f"go-{phase}").exists():
            time.sleep(0.01)
        marks.add(f"phase {phase}", microseconds_a_call(phase * CALLS))


def microseconds_a_call(first_step: int) -> float:
    begun = time.perf_counter()
    for step in range(first_step, first_step + CALLS):
        report(step=step, loss=0.125 + step, acc=0.875)
    return (time.perf_counter() - begun) / CALLS * 1e6


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
