"""Counts to STEPS and saves: slowly in a first attempt, so that it can be disturbed, then fast."""

import os
import time

from launcher import attempt, checkpoint, rank, report, resume_from, should_stop

folder = resume_from()
step = int((folder / "step").read_text()) if folder else 0
print("begins after step", step, flush=True)
while step < int(os.environ["STEPS"]):
    step += 1
    report(step=step, value=step * 10 + rank())
    stops = should_stop()
    if rank() == 0 and (stops or step % 25 == 0):
        with checkpoint(step) as draft:
            (draft / "step").write_text(str(step))
    if stops:
        break
    time.sleep(0.05 if attempt() == 1 else 0.001)
