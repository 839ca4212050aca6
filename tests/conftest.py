"""How long property tests search: briefly in every run, `--hypothesis-profile=thorough` for long.

A test whose examples cost more than others takes a share of `settings.default.max_examples`, so
that both profiles reach it.
"""

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from launcher import logbook

# Other work on the machine is no failure: no deadlines.
calm = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("short", calm, max_examples=10)
settings.register_profile("thorough", calm, max_examples=500)
settings.load_profile("short")


def pytest_collection_finish() -> None:
    """What is imported and collected stays: to look for garbage in it takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_counts() -> None:
    """A shell starts what runs in its background deaf to SIGINT, which all of its children inherit.

    The commands that tests interrupt would never hear it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def own_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever has a command keep its log in this process leaves none of it to the next test."""
    for where in (sys, threading):
        monkeypatch.setattr(where, "excepthook", where.excepthook)
    monkeypatch.delenv(logbook.VARIABLE, raising=False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    for handler in root.handlers[:]:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    os.environ.pop(logbook.VARIABLE, None)


@pytest.fixture(scope="session", autouse=True)
def _no_contexts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whoever has a server in use by `launcher context` shall not find the tests' jobs on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield
