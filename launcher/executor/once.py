"""An executor that serves one job's own cluster: begun again if it dies, over when the job is.

It is the program of a RayJob: its end would end the cluster, with all that trains there. So the
process that Ray started only begins the executor anew, and ends when that says that it is done.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

REFUSED = 3
"""Exit code of an executor that says why it will never serve, however often it is begun."""
_PAUSE_S = 2.0


def session_file(cluster: str) -> Path:
    """Remembers the session of the one before, which is dead when another one begins here."""
    folder = Path(tempfile.gettempdir()) / f"launcher-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"session-of-{cluster}.json"


def keep(serve: Callable[[], None]) -> int:
    """Run `serve` in a child until it ends by itself; gives the exit code for this process.

    Args:
        serve: comes back when all is done. Nothing that may not be forked has begun yet.
    """
    while True:
        child = os.fork()
        if child == 0:
            _be_the_child(serve)
        _pass_on_signals(child)
        code = _await(child)
        if code in {0, REFUSED}:
            return code
        if code < 0 and -code in _ENDS:
            return 128 - code
        log.warning("the executor ended with %d: it is begun anew", code)
        time.sleep(_PAUSE_S)


_ENDS = (signal.SIGTERM, signal.SIGINT)


def _be_the_child(serve: Callable[[], None]) -> None:
    for number in _ENDS:
        signal.signal(number, signal.SIG_DFL)
    code = 1
    try:
        serve()
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    except BaseException:  # it is told, and the next one tries
        log.exception("the executor broke")
    finally:
        logging.shutdown()
        os._exit(code)


def _pass_on_signals(child: int) -> None:
    def pass_on(number: int, _: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    for number in _ENDS:
        signal.signal(number, pass_on)


def _await(child: int) -> int:
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
