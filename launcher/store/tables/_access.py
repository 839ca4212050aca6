"""Users, what each may and did, and the secrets of projects."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from launcher.store.dialect import BigId
from launcher.store.tables._columns import Words, main

secrets = Table(
    "secrets",
    main,
    Column("project", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("user", Words, nullable=False),
    Column("set_at", Double, nullable=False),
)

users = Table(
    "users",
    main,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("is_admin", Boolean, nullable=False),
    Column("added_at", Double, nullable=False),
    Column("added_by", Words, nullable=False),
    Column("disabled_at", Double),
)

tokens = Table(  # launcher/store/accounts.py
    "tokens",
    main,
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("user", Text, ForeignKey("users.name")),  # NULL: an executor's
    Column("cluster", Text),
    Column("label", Words, nullable=False),
    Column("made_at", Double, nullable=False),
    Column("made_by", Words, nullable=False),
    Column("expires_at", Double),
    Column("used_at", Double),
    Column("revoked_at", Double),
    Index(None, "user"),
)

members = Table(
    "members",
    main,
    Column("project", Text, primary_key=True),
    Column("user", Text, ForeignKey("users.name"), primary_key=True),
    Column("role", Text, nullable=False),
    Index(None, "user"),
)

cluster_rules = Table(
    "cluster_rules",
    main,
    Column("project", Text, primary_key=True),
    Column("cluster", Text, primary_key=True),
    Column("allowed", Boolean, nullable=False),
)

uploads = Table(  # who sent which package, until a job has it
    "uploads",
    main,
    Column("user", Text, primary_key=True),
    Column("sha256", Text, primary_key=True),
    Column("at", Double, nullable=False),
)

audit = Table(
    "audit",
    main,
    Column("id", BigId, primary_key=True),
    Column("at", Double, nullable=False),
    Column("user", Words, nullable=False),
    Column("token", Text, nullable=False),
    Column("did", Text, nullable=False),
    Column("thing", Words, nullable=False),
    Column("project", Words, nullable=False),
    Column("status", Integer, nullable=False),
    Column("address", Words, nullable=False),
    Index(None, "at"),
    Index(None, "user", "at"),
    Index(None, "project", "at"),
    sqlite_autoincrement=True,
)
