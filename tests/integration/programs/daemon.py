"""Leaves a daemon behind that nothing connects with its job: no session, environment or output.

Writes the daemon's pid into the file argv[1]; argv[2] is what to do then: `exit` or `wait`.
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

pid_file = Path(sys.argv[1])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in {*range(256)} - {null}:
            with suppress(OSError):
                os.dup2(null, descriptor, inheritable=descriptor < 3)
        written = pid_file.with_suffix(".new")
        written.write_text(str(os.getpid()))
        written.rename(pid_file)
        os.execve("/bin/sleep", ["sleep", "1000"], {})
    os._exit(0)
os.wait()
while not pid_file.exists():
    time.sleep(0.01)
while sys.argv[2] == "wait":
    time.sleep(0.1)
