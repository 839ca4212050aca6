"""What a node has imported before the measured jobs come: warm starts, as those of daily use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from measuring import wait_until

from launcher.executor.folders import preloaded_root

COLD = {"python.warm_start": False}
"""Keys of a spec whose ranks import everything themselves."""


def left_by(run: Callable[[], Any], words: str) -> None:
    """Run one job of a kind, and wait until what it leaves for the next one is ready."""
    before = _ready()
    run()
    wait_until(lambda: _ready() - before, f"what {words} leaves for the next one")


def _ready() -> set[str]:
    return {str(path) for path in preloaded_root().glob("*/*.sock")}
