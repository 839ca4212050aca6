"""A real Chromium, a real server, and, for what runs, the Ray nodes of tests/integration."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ray_nodes, ray_view, stack, started_stack  # tests/integration's

__all__ = ["ray_nodes", "ray_view", "stack", "started_stack"]

HAS_PLAYWRIGHT = find_spec("playwright") is not None
collect_ignore_glob = [] if HAS_PLAYWRIGHT else ["test_*.py"]
pytest.register_assert_rewrite("chromium", "readers")

if HAS_PLAYWRIGHT:
    from readers import browser, look, watched

    __all__ += ["browser", "look", "watched"]


def pytest_report_header() -> str:
    if HAS_PLAYWRIGHT:
        return ""
    return "tests/browser: none, for playwright is not installed: make test-browser installs it"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
