"""What a training program may import. Nothing here is needed to be launched, resumed or stopped.

Standard library only and Python 3.8, because it runs in the user's own environment. Outside a job
everything still works: reports go nowhere, checkpoints go to ./checkpoints. Adapters that need a
library are modules of their own (`launcher.train.pytorch`) and are imported by name.
"""

from __future__ import annotations

from launcher.train.checkpoints import checkpoint
from launcher.train.place import (
    attempt,
    local_rank,
    per_worker_batch,
    rank,
    resume_from,
    world_size,
)
from launcher.train.reports import report
from launcher.train.stopping import should_stop

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
