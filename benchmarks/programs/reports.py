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
        wall_us, cpu_us = microseconds_a_call(phase * CALLS)
        marks.add(f"cpu {phase}", cpu_us)
        marks.add(f"wall {phase}", wall_us)


def microseconds_a_call(first_step: int) -> tuple[float, float]:
    """By the wall's clock, and of this process's own CPU time."""
    begun, cpu_begun = time.perf_counter(), time.process_time()
    for step in range(first_step, first_step + CALLS):
        report(step=step, loss=0.125 + step, acc=0.875)
    wall_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu_begun
    return wall_s / CALLS * 1e6, cpu_s / CALLS * 1e6


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
