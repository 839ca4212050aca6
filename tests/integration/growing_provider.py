"""Ray's provider for its own tests, which starts raylets here; its monitor reads this file."""

import os
from pathlib import Path
from typing import Any

from ray.autoscaler._private.fake_multi_node.node_provider import FakeMultiNodeProvider
from ray.autoscaler.node_launch_exception import NodeLaunchException

REFUSES = "LAUNCHER_TEST_GROWING_REFUSES"
"""Names a file: while it is there no node is started, for the reason that it tells."""


class GrowingProvider(FakeMultiNodeProvider):
    """Its ids differ in their first digits, as Ray's own do: by these agents call their folders."""

    def _next_hex_node_id(self) -> str:
        self._next_node_id += 1
        return f"{self._next_node_id:08x}".ljust(56, "0")

    def create_node_with_resources_and_labels(self, *arguments: Any) -> None:
        reason = Path(os.environ[REFUSES])
        if reason.exists():
            raise NodeLaunchException(reason.read_text(), "there is none left", None)
        super().create_node_with_resources_and_labels(*arguments)
