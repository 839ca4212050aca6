"""The agent's end of a keeper: what it is told, what it says, and that it is gone."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from launcher.executor import keeper as keeper_script


class Keeper:
    """One keeper process, by the pipes to it and from it.

    Args:
        tells: its standard input.
        says: its standard output, which ends when it does.
        wait: returns once it is gone.
    """

    def __init__(
        self, tells: BinaryIO, says: BinaryIO, wait: Callable[[], object] | None = None
    ) -> None:
        self._tells, self._says = tells, says
        self._wait = wait
        self._gone = threading.Event()

    @classmethod
    def executed(cls, mark: str, folder: Path, held: Sequence[int]) -> Keeper:
        """A new process, whose ranks execute their programs.

        Args:
            mark: environment entry that all processes of the allocation carry.
            folder: the job's files on this node.
            held: descriptors that stay open for as long as it lives.
        """
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper_script.__file__, mark, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            pass_fds=held,
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        return cls(process.stdin, process.stdout, process.wait)  # type: ignore[arg-type]

    @property
    def is_gone(self) -> bool:
        return self._gone.is_set()

    def tell(self, message: dict[str, Any]) -> None:
        # It may have died: its ranks died with it, and `heard` ends.
        with contextlib.suppress(OSError, ValueError):
            self._tells.write(json.dumps(message).encode() + b"\n")
            self._tells.flush()

    def heard(self) -> Iterator[dict[str, Any]]:
        """What it says, until it is gone. For one reader."""
        for line in self._says:
            yield json.loads(line)
        self._gone.set()

    def give_up(self) -> None:
        """There is no process behind it after all."""
        self._tells.close()
        self._says.close()

    def close(self) -> None:
        """Have it bury everything; returns when it is gone, if somebody reads what it says."""
        with contextlib.suppress(OSError):
            self._tells.close()
        self._gone.wait()
        self._says.close()
        if self._wait is not None:
            self._wait()
