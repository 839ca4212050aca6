"""Stores for the tests of store and server: migrated once, their SQL compiled once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from launcher.store import Store


@pytest.fixture(scope="session")
def fresh_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a new store: copying it is a hundred times faster than migrating again."""
    from launcher.store import open_store

    folder = tmp_path_factory.mktemp("fresh") / "state"
    open_store(folder).close()
    return folder


@pytest.fixture(scope="session")
def open_unsynced() -> Callable[[Path], Store]:
    """Opens a store that waits for no disk: its tests make a thousand commits and cut no power."""
    from launcher.store import dialect, open_store

    def prepare(connection, record, prepare_synced=dialect._prepare_sqlite):
        prepare_synced(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    def open_(folder: Path) -> Store:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dialect, "_prepare_sqlite", prepare)
            return open_store(folder)

    return open_


class Stage:
    """A store for one test after another, its folder filled anew for each.

    Its engines know the SQL of the tests before: to compile that costs more than to run it.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self._store = folder, store

    def fill(self, origin: Path) -> Store:
        """The store as it would be in a copy of that folder. To be closed before the next one."""
        before = self._store
        before.close()
        shutil.rmtree(self.folder)
        shutil.copytree(origin, self.folder)
        # A new one: what a store notes in memory is of the folder that is gone.
        self._store = type(before)(self.folder, before._main, before._points)
        self._store.server_id, self._store.secret = before.server_id, before.secret
        return self._store


@pytest.fixture(scope="session")
def stage(
    tmp_path_factory: pytest.TempPathFactory,
    fresh_state: Path,
    open_unsynced: Callable[[Path], Store],
) -> Iterator[Stage]:
    folder = shutil.copytree(fresh_state, tmp_path_factory.mktemp("stage") / "state")
    store = open_unsynced(folder)
    yield Stage(folder, store)
    store.close()
