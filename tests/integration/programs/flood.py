"""Prints RATE MiB a second for SECONDS; writes what it printed, as a digest, into the file OUT.

Beside it "trains": the longest pause between two steps tells whether anybody made it wait.
"""

import hashlib
import json
import os
import sys
import time
from pathlib import Path

rate, seconds, out = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
line = os.urandom(512).hex().encode()[:1023] + b"\n"
mebibyte = line * 1024
digest, printed, pauses = hashlib.sha256(), 0, []
began = before = time.monotonic()
while (now := time.monotonic()) - began < seconds:
    pauses.append(now - before)
    before = now
    if printed < rate * (now - began):
        os.write(1, mebibyte)
        digest.update(mebibyte)
        printed += 1
    else:
        time.sleep(0.002)
told = {"digest": digest.hexdigest(), "mebibytes": printed, "slowest": max(pauses)}
Path(out).write_text(json.dumps(told))
