"""Brings a database to the shape of `launcher.store.tables`, one numbered step after the other."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from launcher.errors import LauncherError
from launcher.store import dialect
from launcher.store.database import Database

NEWEST = "0017"
"""The last step in `versions`. Steps are numbered with four digits, so they compare as texts."""


def upgrade(database: Database, parts: Collection[str]) -> None:
    """Take the steps that the database lacks, all in one transaction.

    Args:
        database: which.
        parts: groups of tables that live in it: `main`, `points`.

    Raises:
        LauncherError: it is of a newer version than this code; nothing was changed.
    """
    with database.begin() as tx:
        if _is_newest(tx):
            return
        # Several servers may start at once; and a step may take longer than a query ever should.
        dialect.alone(tx)
        if _is_newest(tx):
            return
        _run_alembic(tx, parts)
        if "main" in parts:  # whoever decided by now may not know the new tables
            tx.execute(text("UPDATE leader SET epoch = epoch + 1, renewed_at = 0"))


def _is_newest(tx: Connection) -> bool:
    version = _version(tx)
    if version > NEWEST:
        raise LauncherError(
            f"the database has schema {version}; this version of launcher knows up to {NEWEST}",
            hint="start the version of launcher that wrote it, or a newer one; "
            "to go back, restore a backup of before",
        )
    return version == NEWEST


def _version(tx: Connection) -> str:
    if not inspect(tx).has_table("alembic_version"):
        return ""
    return tx.scalar(text("SELECT version_num FROM alembic_version")) or ""


def _run_alembic(tx: Connection, parts: Collection[str]) -> None:
    # Imported here: it costs a server's start more than all else in this package, seldom needed.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=tx, parts=parts)
    command.upgrade(config, "head")
