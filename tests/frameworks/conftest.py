"""The same Ray nodes, server and executor as in tests/integration, for programs that train."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ray_nodes, ray_view, stack, started_stack  # tests/integration's

__all__ = ["ray_nodes", "ray_view", "stack", "started_stack"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.frameworks)
