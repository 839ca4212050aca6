"""A server on PostgreSQL: backed up by PostgreSQL's own tools and ours, and whole afterwards."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest
from old_state import fill, told
from own_postgresql import OwnPostgreSQL, programs

from launcher.server import restoring
from launcher.server.backing_up import back_up
from launcher.store import open_store

pytestmark = pytest.mark.on_postgresql


@pytest.fixture
def url(postgresql: OwnPostgreSQL) -> str:
    return postgresql.create("backed_up")


def run(program: str, *arguments: str | Path) -> None:
    found = programs()
    assert found is not None
    subprocess.run([found / program, *arguments], check=True, capture_output=True)


def test_a_dump_and_a_backup_of_the_files_are_a_state_again(
    postgresql: OwnPostgreSQL, url: str, tmp_path: Path
) -> None:
    with contextlib.closing(open_store(tmp_path / "state", url)) as store:
        fill(store)
        said = told(store)
    where = ("-h", postgresql.folder, "-U", "launcher")
    run("pg_dump", *where, "-Fc", "-f", tmp_path / "launcher.dump", "backed_up")
    made = back_up(tmp_path / "state", tmp_path / "files.tar", database_url=url)
    assert made.manifest.jobs == 5
    assert not made.manifest.database

    again = postgresql.create("restored")
    run("pg_restore", *where, "-d", "restored", tmp_path / "launcher.dump")
    restoring.restore(tmp_path / "files.tar", tmp_path / "restored")
    with contextlib.closing(open_store(tmp_path / "restored", again)) as store:
        assert told(store) == said
        with store.read() as tx:
            (log,) = store.logs.streams(tx, "digits-k3m9ap")
        assert store.logs.read("digits-k3m9ap", 1, 0, "out", 0, 7) == b"step 1\n"
        assert log.length == 5007
