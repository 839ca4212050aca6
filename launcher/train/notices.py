"""Words to the user about what we could not do. Training goes on, so they go to stderr."""

from __future__ import annotations

import sys

_said: set[str] = set()


def warn(message: str) -> None:
    try:
        print(f"launcher: {message}", file=sys.stderr, flush=True)
    except Exception:
        # stderr may be closed, full or replaced; a warning is not worth a training.
        return


def warn_once(topic: str, message: str) -> None:
    """Warn, unless this process has already said something about the topic."""
    if topic not in _said:
        _said.add(topic)
        warn(message)
