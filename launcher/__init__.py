"""launcher: queue, launch, watch and resume distributed training on Ray clusters.

The names below are for training programs (`launcher.train`) and for scripts that talk to a server
(`Client`). They are imported at their first use, so `import launcher` costs nothing. This file and
`launcher.train` travel to the ranks, whose Python may be 3.8 and has none of our dependencies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from launcher.train import (
        attempt,
        checkpoint,
        local_rank,
        per_worker_batch,
        rank,
        report,
        resume_from,
        should_stop,
        world_size,
    )

__version__ = "0.1.0"
__all__ = [
    "attempt",
    "checkpoint",
    "local_rank",
    "per_worker_batch",
    "rank",
    "report",
    "resume_from",
    "should_stop",
    "world_size",
]


def __getattr__(name: str) -> Any:
    if name == "Client":
        home = "launcher.client"
    elif name in __all__:
        home = "launcher.train"
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value  # the next access does not come here any more
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "Client"})
