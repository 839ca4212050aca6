"""What differs between SQLite and PostgreSQL, and nothing else does: engines, upserts, errors."""

from __future__ import annotations

import re
import sqlite3
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, Integer, Table, create_engine, event
from sqlalchemy import exc as sa_exc
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from launcher.errors import LauncherError, SpecError

BigId = BigInteger().with_variant(Integer, "sqlite")
"""Type of a generated key. SQLite generates keys only for the type that it calls INTEGER."""

WRITES = "launcher_writes"
"""Execution option of a connection whose transaction may write."""

_BUSY_TIMEOUT_MS = 10_000
_MOST_CONNECTIONS, _POOL_TIMEOUT_S = 45, 20.0
_CONNECTS = {
    "application_name": "launcher",
    "connect_timeout": "5",
    # A server that is paused, or whose machine is gone, holds its locks no longer than this: who
    # takes over waits for them.
    "options": "-c idle_in_transaction_session_timeout=10s -c lock_timeout=20s"
    " -c statement_timeout=60s",
    # A database whose machine is gone is given up in 15 s, not in the kernel's quarter of an hour.
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "15000",
}
"""What a connection to PostgreSQL is opened with, in libpq's words."""
_PASSWORD = re.compile(r"([^:/@]+):(?!//)[^@]*@")
"""With whose it is, in what is no URL."""
_MIGRATING = 0x6C61756E6368
"""Of PostgreSQL's locks that have no table: that of who brings tables up to date."""


def sqlite_engine(path: Path) -> Engine:
    """An engine on one database file: WAL, durable commits, foreign keys held."""
    # A reader needs a connection only while it reads: threads, not clients, bound their number.
    engine = create_engine(f"sqlite:///{path}", pool_size=8, max_overflow=64)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the module's own BEGINs come too late, and not before DDL
    connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE: a transaction that reads first and writes later would fail when another one wrote
    # between. A reading one is held to reading: what it wrote would be rolled back unnoticed.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def postgresql_engine(text: str, *, size: int = 8) -> Engine:
    """An engine on a PostgreSQL database; without a driver in the URL, psycopg.

    Args:
        text: the URL. What its query says of a connection goes before what is said here.
        size: connections that are kept open.

    Raises:
        SpecError: the text is no PostgreSQL URL.
        LauncherError: its driver is not installed.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:  # the latter of a port that is no number
        raise _no_url(_PASSWORD.sub(r"\1:***@", text)) from error
    if url.get_backend_name() != "postgresql":
        raise _no_url(url.render_as_string())
    url = _with_driver(url)
    engine = _postgresql(url, size)
    event.listen(engine, "before_cursor_execute", _without_nul, retval=True)
    return engine


def _without_nul(
    _connection: Connection,
    _cursor: object,
    statement: str,
    parameters: Any,
    _context: object,
    is_many: bool,
) -> tuple[str, Any]:
    """What is asked for may hold anything: a text with NUL is found nowhere, which is no error."""
    for row in parameters if is_many else [parameters]:
        for name, value in row.items() if isinstance(row, dict) else ():
            if isinstance(value, str) and "\0" in value:
                row[name] = value.replace("\0", "\ufffd")  # ours: compiled for this execution
    return statement, parameters


def _postgresql(url: URL, size: int) -> Engine:
    known = {name: value for name, value in _CONNECTS.items() if name not in url.query}
    try:
        return create_engine(
            url,
            # Threads, not clients, bound the number of connections; an overflowing one is closed
            # when it comes back. With both engines of a store below PostgreSQL's own 100.
            pool_size=size,
            max_overflow=_MOST_CONNECTIONS - size,
            pool_timeout=_POOL_TIMEOUT_S,
            pool_pre_ping=True,  # those of before a restart of the database are made anew
            connect_args=known if "psycopg" in url.drivername else {},
        )
    except ModuleNotFoundError as error:
        hint = "pip install 'trainlaunch[postgresql]' beside the server"
        raise LauncherError(f"PostgreSQL needs a driver: {error}", hint=hint) from error


def _with_driver(url: URL) -> URL:
    return url if "+" in url.drivername else url.set(drivername="postgresql+psycopg")


def _no_url(shown: str) -> SpecError:
    return SpecError(
        f"'{shown}' is not the URL of a PostgreSQL database",
        hint="write postgresql://USER@HOST/NAME, or leave it out for SQLite in the state folder",
    )


def may_write(connection: Connection) -> Connection:
    """The connection, its next transaction writing."""
    return connection.execution_options(**{WRITES: True})


def may_only_read(connection: Connection) -> Connection:
    """The connection, its next transaction held to reading."""
    if connection.dialect.name == "postgresql":
        one_state = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        return connection.execution_options(**one_state)
    return connection.execution_options(**{WRITES: False})


def alone(tx: Connection) -> None:
    """Let no other process bring tables up to date until the transaction ends; it may take long."""
    if tx.dialect.name == "postgresql":
        for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            tx.exec_driver_sql(f"SET LOCAL {limit} = 0")
        tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")


def is_away(error: sa_exc.SQLAlchemyError) -> bool:
    """True when the database did not answer, or broke off: not what it was asked is at fault."""
    if isinstance(error, sa_exc.TimeoutError):
        return True
    if not isinstance(error, sa_exc.DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    # 08: connections, 53300: too many of them, 57P: it is starting or going down.
    state = getattr(error.orig, "sqlstate", None)
    is_of_connections = state is not None and state.startswith(("08", "53300", "57P"))
    return is_of_connections or (state is None and _no_connection(error))


def _no_connection(error: sa_exc.DBAPIError) -> bool:
    """Of libpq's own errors: the server said nothing."""
    return type(error.orig).__module__.startswith("psycopg") and isinstance(
        error, sa_exc.OperationalError
    )


def upsert(tx: Connection, table: Table) -> Any:
    """An INSERT of whole rows that replaces a row of the same key."""
    return _upsert(tx.dialect.name, table)


def insert(tx: Connection, table: Table) -> Any:
    """An INSERT that knows `on_conflict_do_update` and `on_conflict_do_nothing`."""
    return _insert(tx.dialect.name, table)


@cache
def _upsert(dialect: str, table: Table) -> Any:
    new = _insert(dialect, table)
    key = [column.name for column in table.primary_key]
    values = {column.name: new.excluded[column.name] for column in table.c}
    replaced = {name: value for name, value in values.items() if name not in key}
    return new.on_conflict_do_update(index_elements=key, set_=replaced)


@cache
def _insert(dialect: str, table: Table) -> Any:
    # Both databases spell it alike, but SQLAlchemy has a class for each; only one is ever needed.
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


def has_no_space(error: sa_exc.DBAPIError) -> bool:
    """True when the database could not write because its disk is full."""
    text = str(error.orig).lower()
    return "disk is full" in text or "no space left" in text
