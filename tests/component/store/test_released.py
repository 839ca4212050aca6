"""What a released version left behind is brought up to date, and all of it can be read.

tests/data/schemas has a state of each release, as SQL (old_state.py wrote them).
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from old_state import DONE, RUNS, SCHEMAS, told
from sqlalchemy import MetaData, select, text

from launcher.errors import LauncherError
from launcher.store import Store, dialect, migrations, named, open_store, tables
from launcher.store.database import Database

RELEASES = sorted(path.name for path in SCHEMAS.iterdir())


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> Path:
    return SCHEMAS / request.param


@pytest.fixture
def url(request: pytest.FixtureRequest, release: Path, tmp_path: Path) -> str | None:
    """Of a database as that release left it; None: it lies in `tmp_path`."""
    if request.config.getoption("--database") == "sqlite":
        for file in ("launcher", "metrics"):
            with contextlib.closing(sqlite3.connect(tmp_path / f"{file}.db")) as made:
                made.executescript((release / f"sqlite-{file}.sql").read_text())
        return None
    server = request.getfixturevalue("postgresql")
    made_at = server.create(f"released_{release.name}")
    with server.connect(f"released_{release.name}") as connection:
        connection.execute((release / "postgresql.sql").read_text())
    return str(made_at)


@pytest.fixture
def said(request: pytest.FixtureRequest, release: Path) -> Any:
    """What the release itself read of that state."""
    database = request.config.getoption("--database")
    return json.loads((release / f"{database}.json").read_text())


def test_every_row_of_a_release_reads_back_after_its_tables_were_brought_up_to_date(
    tmp_path: Path, url: str | None, said: Any
) -> None:
    with contextlib.closing(open_store(tmp_path, url)) as store:
        assert json.loads(json.dumps(told(store))) == said
        with store.read() as tx:
            version = tx.scalar(text("SELECT version_num FROM alembic_version"))
    assert version == migrations.NEWEST


def test_its_tables_become_exactly_those_of_the_code(tmp_path: Path, url: str | None) -> None:
    with contextlib.closing(open_store(tmp_path, url)) as store:
        assert _differences(store) == []


def test_the_blobs_that_a_release_named_in_json_are_named_by_rows(
    tmp_path: Path, url: str | None
) -> None:
    path = tmp_path / "launcher.db"
    engine = dialect.postgresql_engine(url) if url else dialect.sqlite_engine(path)
    before = Database(engine, tmp_path)
    with before.begin() as tx:
        lock = {"old": '"lock":""', "new": f'"lock":"{"d" * 64}"', "job": DONE}
        tx.execute(
            text("UPDATE jobs SET policy = replace(policy, :old, :new) WHERE id = :job"), lock
        )
    before.close()
    with contextlib.closing(open_store(tmp_path, url)) as store, store.begin() as tx:
        rows = select(tables.named_blobs).order_by(*tables.named_blobs.c)
        filled = tx.execute(rows).all()
        b, c, d = (sign * 64 for sign in "bcd")
        assert filled == [(DONE, b), (DONE, c), (DONE, d), (RUNS, b), (RUNS, c)]
        for job_id in tx.scalars(select(tables.jobs.c.id)).all():
            named.settle(tx, job_id)
        assert tx.execute(rows).all() == filled


def _differences(store: Store) -> list[Any]:
    if not store.shares_points:
        both = ((store._main, tables.main), (store._points, tables.points))
        return [one for database, part in both for one in _compared(database, part)]
    whole = MetaData(naming_convention=tables.main.naming_convention)
    for part in (tables.main, tables.points):
        for table in part.tables.values():
            table.to_metadata(whole)
    return _compared(store._main, whole)


def _compared(database: Any, metadata: MetaData) -> list[Any]:
    with database.begin() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def test_what_a_newer_version_made_is_refused_in_words_and_left_alone(
    tmp_path: Path, url: str | None
) -> None:
    store = open_store(tmp_path, url)
    with store.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LauncherError, match=rf"schema 9999; .* knows up to {migrations.NEWEST}"):
        open_store(tmp_path, url)
    with contextlib.closing(store), store.read() as tx:
        assert tx.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
