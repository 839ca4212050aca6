"""Searches lines for the regular expressions of a user, in a process of its own.

An expression can take longer than the universe is old, and holds Python's lock all the while: in
the agent it would stop the heartbeat of the training. Here it costs nobody but itself.

Runs as a script with nothing but the standard library (`python -I -S searching.py`). The first
line on stdin is {name: regex}; each other one a list of texts, answered on stdout by
{"found": [[index, {name: text}]], "slow": [name]}. An expression that takes more than `LIMIT_S` of
processor time over one list is slow, and is not searched for again.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

LIMIT_S = 2.0


class TooSlowError(Exception):
    """The time for one expression is over."""


def main() -> None:
    """Answer until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, _give_up)
    patterns = {name: re.compile(text) for name, text in json.loads(sys.stdin.readline()).items()}
    for line in sys.stdin:
        found, slow = search(patterns, json.loads(line))
        for name in slow:
            del patterns[name]
        sys.stdout.write(json.dumps({"found": found, "slow": slow}) + "\n")
        sys.stdout.flush()


def search(
    patterns: Mapping[str, re.Pattern[str]], texts: Sequence[str]
) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """What the expressions catch, by the index of the text; and those that took too long."""
    caught: dict[int, dict[str, str]] = {}
    slow = []
    for name, pattern in patterns.items():
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
        try:
            for index, text in enumerate(texts):
                match = pattern.search(text)
                if match is not None:
                    caught.setdefault(index, {})[name] = caught_by(match)
        except TooSlowError:
            slow.append(name)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    return sorted(caught.items()), slow


def caught_by(match: re.Match[str]) -> str:
    """The group called `value`, else the first one that caught something."""
    named = match.groupdict().get("value")
    return named or next((text for text in match.groups() if text is not None), "")


def _give_up(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what a handler is given
    raise TooSlowError


if __name__ == "__main__":
    main()
