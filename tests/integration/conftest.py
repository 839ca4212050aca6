"""Ray nodes for all tests, and on them a server with its executor, as processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("diary", "machine", "stack")  # before they are imported

from diary import Diary  # noqa: E402 - see above
from ray_nodes import RayNodes  # noqa: E402 - see above
from ray_view import RayView  # noqa: E402 - see above
from stack import Stack  # noqa: E402 - see above


@pytest.fixture(scope="session")
def ray_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayNodes]:
    """Two nodes for all; who kills nodes starts some of his own."""
    with RayNodes(tmp_path_factory.mktemp("nodes"), cpus=[6, 6], gpus=[2, 2]) as nodes:
        yield nodes


@pytest.fixture(scope="session")
def ray_view(ray_nodes: RayNodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayView]:
    log = tmp_path_factory.mktemp("view") / "driver.log"
    with RayView(ray_nodes.address, log) as view:
        yield view


@pytest.fixture(scope="session")
def started_stack(
    ray_nodes: RayNodes, ray_view: RayView, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"), ray_nodes, ray_view)
    try:
        stack.start()
        yield stack
    finally:
        stack.end()


@pytest.fixture
def stack(started_stack: Stack) -> Iterator[Stack]:
    """The one that all tests share; after each of them nothing of its jobs is left."""
    for service, start in (
        (started_stack.server, started_stack.start_server),
        (started_stack.executor, started_stack.start_executor),
    ):
        if not service.is_alive:  # a failed test killed it
            start()
    started_stack.submitted.clear()
    yield started_stack
    started_stack.clean_up()
    started_stack.assert_nothing_is_left()


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(tmp_path / "diary")
