"""Unit tests reach for no network and no database: what needs them is in tests/component."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
_REFUSED = {"socket.bind", "socket.connect", "sqlite3.connect"}
_is_refusing = False


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _is_refusing or event not in _REFUSED:
        return
    if event.startswith("socket.") and isinstance(arguments[1], str):  # a file of the test's folder
        return
    raise AssertionError(f"{event} in a unit test: its place is tests/component")


sys.addaudithook(_refuse)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    global _is_refusing  # noqa: PLW0603 - an audit hook is the whole process's, and for ever
    _is_refusing = item.path.is_relative_to(_HERE)  # this hook is called for all tests of a run
    try:
        return (yield)
    finally:
        _is_refusing = False
