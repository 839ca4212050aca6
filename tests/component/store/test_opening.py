from __future__ import annotations

import contextlib
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, create_mock_engine, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from launcher.errors import DiskFullError, LauncherError, SpecError
from launcher.model.job import Event, Job
from launcher.store import Store, dialect, events, migrations, open_store, tables
from launcher.store.database import Database

SCHEMA = text(
    "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' "
    "AND name NOT LIKE '%alembic%' ORDER BY name"
)


def test_the_folder_is_closed_to_other_users(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o755)
    open_store(folder).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_server_keeps_its_identity_and_two_servers_differ(tmp_path: Path) -> None:
    identities = []
    for name in ("one", "one", "other"):
        store = open_store(tmp_path / name)
        identities.append((store.server_id, store.secret))
        store.close()
    assert identities[0] == identities[1]
    assert identities[0][0] != identities[2][0]
    assert identities[0][1] != identities[2][1]
    assert len(identities[0][1]) == 32


def test_opening_again_imports_neither_alembic_nor_the_other_database(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    program = (
        "import sys, pathlib; from launcher.store import open_store\n"
        "open_store(pathlib.Path(sys.argv[1])).close()\n"
        "print([m for m in sys.modules if m in ('alembic', 'sqlalchemy.dialects.postgresql')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.on_sqlite
@pytest.mark.parametrize(
    ("file", "metadata"), [("launcher.db", tables.main), ("metrics.db", tables.points)]
)
def test_migrations_make_exactly_the_tables_of_the_code(
    tmp_path: Path, file: str, metadata: MetaData
) -> None:
    open_store(tmp_path / "migrated").close()
    migrated = dialect.sqlite_engine(tmp_path / "migrated" / file)
    created = dialect.sqlite_engine(tmp_path / "created.db")
    with Database(created, tmp_path).begin() as tx:
        metadata.create_all(tx)
        wanted = [(name, _columns_and_constraints(sql)) for name, sql in tx.execute(SCHEMA)]
    with Database(migrated, tmp_path).begin() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        found = [(name, _columns_and_constraints(sql)) for name, sql in tx.execute(SCHEMA)]
    migrated.dispose()
    created.dispose()
    assert found == wanted


def _columns_and_constraints(sql: str) -> list[str]:
    """The parts of a CREATE, without regard to their order: a migration may add a column later."""
    head, _, body = sql.replace('"', "").partition("(")
    parts, depth = [""], 0
    for sign in body.rstrip().removesuffix(")"):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return sorted(" ".join(part.split()) for part in [head, *parts])


def test_the_code_knows_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert scripts.get_current_head() == migrations.NEWEST


def test_a_database_of_a_newer_version_is_refused_in_words_and_left_alone(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    before = (tmp_path / "launcher.db").read_bytes()
    with pytest.raises(LauncherError, match=rf"schema 9999; .* knows up to {migrations.NEWEST}"):
        open_store(tmp_path)
    assert (tmp_path / "launcher.db").read_bytes() == before


@pytest.mark.parametrize("metadata", [tables.main, tables.points])
def test_the_tables_can_be_made_in_postgresql(metadata: MetaData) -> None:
    made: list[str] = []
    engine = create_mock_engine(
        "postgresql://",
        lambda ddl, *_args, **_options: made.append(str(ddl.compile(dialect=postgresql.dialect()))),
    )
    metadata.create_all(engine, checkfirst=False)
    assert len([ddl for ddl in made if "CREATE TABLE" in ddl]) == len(metadata.tables)
    assert any("BIGSERIAL" in ddl for ddl in made)


@pytest.mark.parametrize("url", ["mysql://host/name", "sqlite:///x.db", "no url"])
def test_other_databases_are_refused_with_the_way_out(tmp_path: Path, url: str) -> None:
    with pytest.raises(SpecError, match="not the URL of a PostgreSQL database") as caught:
        open_store(tmp_path, url)
    assert "postgresql://" in (caught.value.hint or "")


def test_a_refused_url_does_not_show_its_password(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        open_store(tmp_path, "mysql://user:hush@host/name")
    assert "hush" not in str(caught.value)


@pytest.mark.on_sqlite
@pytest.mark.parametrize(
    ("setting", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10_000)],
)
def test_every_connection_is_durable_and_strict(
    tmp_path: Path, fresh_state: Path, setting: str, value: object
) -> None:
    folder = shutil.copytree(fresh_state, tmp_path / "state")
    with contextlib.closing(open_store(folder)) as store, store.read() as tx:
        assert tx.exec_driver_sql(f"PRAGMA {setting}").scalar() == value


def test_what_a_failed_transaction_wrote_is_gone(store: Store, job: Job) -> None:
    def write_and_fail() -> None:
        with store.begin() as tx:
            events.append(tx, job.id, [Event("queued", "waits")], 1.0)
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    with store.read() as tx:
        assert events.after(tx, job.id) == []


def test_a_reading_transaction_can_not_write(store: Store, job: Job) -> None:
    with store.read() as tx, pytest.raises(DBAPIError, match=r"read-?only"):
        events.append(tx, job.id, [Event("queued", "waits")], 1.0)
    with store.begin() as tx:
        events.append(tx, job.id, [Event("queued", "waits")], 1.0)


def test_a_reader_sees_one_state_while_others_write(store: Store, job: Job) -> None:
    with store.read() as reader:
        assert events.after(reader, job.id) == []
        with store.begin() as tx:
            events.append(tx, job.id, [Event("queued", "waits")], 1.0)
        assert events.after(reader, job.id) == []
    with store.read() as reader:
        assert len(events.after(reader, job.id)) == 1


def test_writers_of_many_threads_take_turns(store: Store, job: Job) -> None:
    def write() -> None:
        for _ in range(10):
            with store.begin() as tx:
                events.append(tx, job.id, [Event("queued", "waits")], 1.0)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as tx:
        assert len(events.after(tx, job.id)) == 80


@pytest.mark.on_sqlite
def test_a_full_disk_is_told_in_words_and_nothing_is_half_written(store: Store, job: Job) -> None:
    def fill() -> None:
        with store.begin() as tx:
            pages = tx.exec_driver_sql("PRAGMA page_count").scalar()
            tx.exec_driver_sql(f"PRAGMA max_page_count={pages}")
            events.append(tx, job.id, [Event("big", "x" * 100_000)] * 100, 1.0)

    with pytest.raises(DiskFullError, match=r"no space left for the database: .* free on the disk"):
        fill()
    with store.read() as tx:
        assert events.after(tx, job.id) == []


@pytest.mark.parametrize("name", ["nul\x00in the middle", "half a pair \ud800"])
def test_text_that_no_database_takes_is_stored_all_the_same(
    store: Store, job: Job, name: str
) -> None:
    with store.begin() as tx:
        events.append(tx, job.id, [Event("note", name)], 1.0)
        (stored,) = events.after(tx, job.id)
    assert stored.text == tables.storable(name)
    assert stored.text[:3] == name[:3]
