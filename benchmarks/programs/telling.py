"""Ten times a second it reports a point and prints the time."""

from __future__ import annotations

import itertools
import time

import launcher

for step in itertools.count():
    launcher.report(step=step, loss=1 / (step + 1))
    print(time.time(), flush=True)
    time.sleep(0.1)
