"""The first words of a visit's process, before it becomes the command that somebody runs.

The agent is full of threads, so no Python may run in a fork of it: it spawns this script instead
(`python -I -S entering.py DESCRIPTOR`), which takes the terminal, hears all signals again, binds
its life to the agent's, and executes the command. Nothing but the standard library.

The descriptor gives one JSON object: {"argv", "env", "cwd", "agent": pid, "tty"}.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import sys
import termios
from typing import Any

_PR_SET_PDEATHSIG = 1


def main(descriptor: int) -> None:
    """Become the command; a word on stderr and 126 or 127, as shells end, when that fails."""
    with open(descriptor, "rb") as file:
        order: dict[str, Any] = json.load(file)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != order["agent"]:
        sys.exit(255)  # it died before its death could be heard
    if order["tty"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError):  # the C library's own
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    argv = order["argv"]
    try:
        os.chdir(order["cwd"])
        os.execvpe(argv[0], argv, order["env"])  # noqa: S606 - its purpose
    except OSError as error:
        why = error.strerror
        if isinstance(error, FileNotFoundError) and "/" not in argv[0]:
            why = "not found on the PATH of the ranks"
        told = f"launcher: cannot run {argv[0]!r}: {why}\n"
        if " " in argv[0]:
            told += f"launcher: a line for a shell is written: -- bash -c {argv[0]!r}\n"
        os.write(2, told.encode("utf-8", "backslashreplace"))
        sys.exit(126 if isinstance(error, PermissionError) else 127)


if __name__ == "__main__":
    main(int(sys.argv[1]))
