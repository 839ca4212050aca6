"""Schedulers to compare: the same code with parts of it switched off."""

from __future__ import annotations

from launcher.scheduler.cycle import Policy

_BARE = Policy(priority=False, fair_share=False, backfill=False, preemption=False)

POLICIES = {
    "fifo": _BARE,
    "fifo+backfill": Policy(priority=False, fair_share=False, preemption=False),
    "launcher": Policy(),
    "launcher-preemption": Policy(preemption=False),
    "launcher-priority": Policy(priority=False, preemption=False),
}
"""`fifo`: in the order of submission, nobody overtaken. `fifo+backfill`: whoever delays nobody may
pass (EASY). `launcher`: all of it; a part after `-` is switched off."""

ALL = ("fifo", "fifo+backfill", "launcher")
"""Those that `all` means."""
