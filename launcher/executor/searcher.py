"""The agent's side of `searching`: one process, started when there is something to search."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from launcher.executor import searching

_PATIENCE_S = 120.0
"""Longest wait for an answer: the process limits itself long before, unless it stands still."""


class Searcher:
    """Searches texts for regular expressions.

    Args:
        patterns: expressions by name.
        note: tells the user of those that are given up.
    """

    def __init__(self, patterns: Mapping[str, str], note: Callable[[str], None]) -> None:
        self._patterns, self._note = dict(patterns), note
        self._process: subprocess.Popen[bytes] | None = None

    def search(self, texts: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
        """What was caught: index of the text, texts by name. Blocks while it is searched."""
        if not self._patterns or not texts:
            return []
        try:
            answer = self._ask(list(texts))
        except (OSError, ValueError) as error:
            self.close()
            self._patterns = {}
            self._note(f"metrics.patterns: the output is searched no more: {error}")
            return []
        for name in answer["slow"]:
            self._patterns.pop(name, None)
            self._note(
                f"metrics.patterns.{name} takes too long ({searching.LIMIT_S:g} s for "
                f"{len(texts):,} lines) and is searched for no more; write a simpler one"
            )
        return [(int(index), found) for index, found in answer["found"]]

    def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _ask(self, texts: list[str]) -> Any:
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(texts).encode() + b"\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], _PATIENCE_S)
        if not ready:
            raise TimeoutError(f"no answer within {_PATIENCE_S:g} s")
        return json.loads(process.stdout.readline())

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", searching.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(self._patterns).encode() + b"\n")
        return self._process
