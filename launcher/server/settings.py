"""What a server was started with."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from launcher.model.outputs import OutputLimits
from launcher.server.process import process_memory
from launcher.views_measured import Memory


@dataclass(frozen=True)
class Settings:
    """`url` is how clients, executors and agents reach the server; `token` opens all of it."""

    state_dir: Path
    url: str
    token: str
    embedded: bool = False
    shut_down: Callable[[], None] = lambda: None
    output_limits: OutputLimits = field(default_factory=OutputLimits)
    open_metrics: bool = False
    """Whether everybody who reaches the server may read `/metrics`."""
    executor_tokens: Mapping[str, str] = field(default_factory=dict)
    """By cluster: tokens that were given at the start, each for the executor of that one."""
    replica_url: str = ""
    """How other servers on the same database reach this one; empty: there can be none."""
    open_port: int | None = None
    """Where it listens at every address of this machine, and nobody named one."""

    @property
    def page_key(self) -> str:
        """Opens the pages, which only show; derived, so that an address never holds the token."""
        return hmac.new(self.token.encode(), b"pages", hashlib.sha256).hexdigest()[:32]

    @property
    def monitoring_key(self) -> str:
        """Opens `/metrics` and nothing else: Prometheus need not know the token."""
        return hmac.new(self.token.encode(), b"monitoring", hashlib.sha256).hexdigest()[:32]

    def memory(self) -> Memory:
        """Of the processes that stay between jobs, on this machine."""
        from launcher.clusters.local import LocalRay

        try:
            executor = json.loads((self.state_dir / "executor.json").read_text())["pid"]
        except (OSError, ValueError, KeyError):
            executor = None
        ray = LocalRay(self.state_dir / "ray")
        return Memory(
            server=process_memory(os.getpid()),
            executor=process_memory(executor) if executor else None,
            ray=ray.memory_bytes() or None,
            preloaded=ray.preloaded_bytes() or None,
        )
