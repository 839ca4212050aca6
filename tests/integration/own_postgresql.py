"""A PostgreSQL of the tests' own: made in a temporary folder, on a Unix socket, waits for no disk.

PostgreSQL refuses to run as root: then it runs as `nobody`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

_NOBODY = 65534
_START_S = 60.0
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "autovacuum": "off",  # it would hold locks on what a test wants to drop
    "timezone": "UTC",
}


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`; None where there are none."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    # Debian keeps them out of PATH.
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((one for one in folders if (one / "postgres").exists()), None)


class OwnPostgreSQL:
    """One server. `with` ends it and removes its folder; it may be stopped and started between.

    Args:
        settings: beside those that make tests fast, or in their place.
    """

    def __init__(self, **settings: str) -> None:
        found = programs()
        assert found is not None, "PostgreSQL is not installed"
        self._programs, self._settings = found, _SETTINGS | settings
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._as_whom = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
        if os.geteuid() == 0:
            os.chown(self.folder, _NOBODY, _NOBODY)
        else:
            self._as_whom = {}
        self.folder.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> OwnPostgreSQL:  # noqa: PYI034 - nobody inherits from it
        try:
            self._run("initdb", "-D", "data", "-U", "launcher", "-A", "trust", "-N", "-E", "UTF8")
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        options.append(f"--unix_socket_directories={self.folder}")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", "data", *options],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._as_whom,
            )
        give_up = time.monotonic() + _START_S
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < give_up, "PostgreSQL does not answer"
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it. SIGINT: connections are cut, what was committed is kept; SIGQUIT: as a crash."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(timeout=60)
        self._process = None

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://launcher@/{database}?host={self.folder}"

    def create(self, database: str, template: str = "template1") -> str:
        """A new database; gives its URL. To one that is there nobody may be connected."""
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.folder), user="launcher", dbname=database, autocommit=True
        )

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._as_whom,
        )
        assert done.returncode == 0, done.stderr


class Rows:
    """All that the tables of a database hold, to fill another one of the same tables with it.

    A tenth of the time that a new database takes.
    """

    def __init__(self, rows: dict[str, bytes], sequences: dict[str, int | None]) -> None:
        self._rows, self._sequences = rows, sequences

    @classmethod
    def of(cls, connection: psycopg.Connection[tuple[object, ...]]) -> Rows:
        found = {}
        for (table,) in connection.execute(_TABLES).fetchall():
            with connection.cursor().copy(f'COPY "{table}" TO STDOUT') as copy:
                found[str(table)] = b"".join(map(bytes, copy))
        sequences = connection.execute(_SEQUENCES).fetchall()
        return cls(found, {str(name): last for name, last in sequences})  # type: ignore[misc]

    def put_into(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        wipes = [f'DELETE FROM "{table}"' for table in self._rows]
        sets = [
            f"SELECT setval('\"{name}\"', {last or 1}, {last is not None})"
            for name, last in self._sequences.items()
        ]
        # Without looking who refers to whom: what comes in is whole.
        connection.execute("; ".join(["SET session_replication_role = replica", *wipes, *sets]))
        for table, rows in self._rows.items():
            if rows:
                with connection.cursor().copy(f'COPY "{table}" FROM STDIN') as copy:
                    copy.write(rows)


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"
