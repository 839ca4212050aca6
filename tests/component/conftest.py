"""Stores for the tests of store and server: migrated once, their SQL compiled once.

With `--database postgresql` they lie in a PostgreSQL of the tests' own (own_postgresql.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from own_postgresql import OwnPostgreSQL, Rows, programs
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from launcher.store import Store


def pytest_addoption(parser: pytest.Parser) -> None:
    words = "what the stores of component tests lie in"
    parser.addoption("--database", choices=["sqlite", "postgresql"], default="sqlite", help=words)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of what only one of the databases does are for that one."""
    here = config.getoption("--database")
    others = {"sqlite", "postgresql"} - {here}
    gone = [item for item in items if any(item.get_closest_marker(f"on_{one}") for one in others)]
    config.hook.pytest_deselected(items=gone)
    items[:] = [item for item in items if item not in set(gone)]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[OwnPostgreSQL]:
    """A server that has no databases but its own."""
    if programs() is None:
        pytest.skip("there is no PostgreSQL here: .ci/postgresql installs Debian's")
    with OwnPostgreSQL() as server:
        yield server


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Databases:
    """Where the stores of folders have their databases."""
    if request.config.getoption("--database") == "sqlite":
        return InFiles()
    return InPostgreSQL(request.getfixturevalue("postgresql"))


class InFiles:
    """In their folders."""

    def url_of(self, _: Path) -> str | None:
        return None

    def copy(self, origin: Path, folder: Path) -> None:
        """Make what is in `folder` the database of a copy of `origin`."""


class InPostgreSQL:
    """A database for each folder; the first one that is opened is the pattern of the others."""

    def __init__(self, server: OwnPostgreSQL) -> None:
        self._server = server
        self._urls: dict[Path, str] = {}
        self._taken: dict[Path, Rows] = {}

    def url_of(self, folder: Path) -> str:
        if folder not in self._urls:
            template = "state_0" if self._urls else "template1"
            name = f"state_{len(self._urls)}"
            self._urls[folder] = self._server.create(name, template)
        return self._urls[folder]

    def copy(self, origin: Path, folder: Path) -> None:
        if origin not in self._taken:
            with self._server.connect(self._name(origin)) as connection:
                self._taken[origin] = Rows.of(connection)
        with self._server.connect(self._name(folder)) as connection:
            self._taken[origin].put_into(connection)

    def _name(self, folder: Path) -> str:
        return make_url(self.url_of(folder)).database or ""


Databases = InFiles | InPostgreSQL


@pytest.fixture(scope="session")
def fresh_state(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Path:
    """The folder of a new store: copying it is a hundred times faster than migrating again."""
    from launcher.store import open_store

    folder = tmp_path_factory.mktemp("fresh") / "state"
    open_store(folder, databases.url_of(folder)).close()
    return folder


@pytest.fixture(scope="session")
def open_unsynced(databases: Databases) -> Callable[[Path], Store]:
    """Opens a store that waits for no disk: its tests make a thousand commits and cut no power."""
    from launcher.store import dialect, open_store

    def prepare(connection, record, prepare_synced=dialect._prepare_sqlite):
        prepare_synced(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    def open_(folder: Path) -> Store:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dialect, "_prepare_sqlite", prepare)
            return open_store(folder, databases.url_of(folder))

    return open_


class Stage:
    """A store for one test after another, its folder filled anew for each.

    Its engines know the SQL of the tests before: to compile that costs more than to run it.
    """

    def __init__(self, folder: Path, store: Store, databases: Databases) -> None:
        self.folder, self._store, self._databases = folder, store, databases

    def fill(self, origin: Path) -> Store:
        """The store as it would be in a copy of that folder. To be closed before the next one."""
        before = self._store
        before.close()
        shutil.rmtree(self.folder)
        shutil.copytree(origin, self.folder)
        self._databases.copy(origin, self.folder)
        # A new one: what a store notes in memory is of the folder that is gone.
        self._store = type(before)(self.folder, before._main, before._points)
        self._store.server_id, self._store.secret = before.server_id, before.secret
        return self._store


@pytest.fixture(scope="session")
def stage(
    tmp_path_factory: pytest.TempPathFactory,
    fresh_state: Path,
    open_unsynced: Callable[[Path], Store],
    databases: Databases,
) -> Iterator[Stage]:
    folder = shutil.copytree(fresh_state, tmp_path_factory.mktemp("stage") / "state")
    store = open_unsynced(folder)
    yield Stage(folder, store, databases)
    store.close()
