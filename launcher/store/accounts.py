"""Users, their tokens, and what they are in which project. No token is stored, only its hash."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, or_, select, update

from launcher.model.access import Role
from launcher.store import dialect, tables
from launcher.store.rows import from_row, row_of

_users, _tokens, _members = tables.users, tables.tokens, tables.members
_HAS_USERS = select(_users.c.name).limit(1)


@dataclass(frozen=True)
class StoredUser:
    """`kind`: person or service; `disabled_at`: None while it may come in."""

    name: str
    kind: str
    is_admin: bool
    added_at: float
    added_by: str
    disabled_at: float | None = None


@dataclass(frozen=True)
class StoredToken:
    """`user`: whose; None of an executor's, which speaks for `cluster`."""

    id: str
    hash: str
    user: str | None
    cluster: str | None
    label: str
    made_at: float
    made_by: str
    expires_at: float | None = None
    used_at: float | None = None
    revoked_at: float | None = None

    def is_valid(self, now: float) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


# --- users ---------------------------------------------------------------------------------------


def has_users(tx: Connection) -> bool:
    return tx.scalar(_HAS_USERS) is not None


def user(tx: Connection, name: str) -> StoredUser | None:
    row = tx.execute(select(_users).where(_users.c.name == name)).mappings().first()
    return from_row(StoredUser, row) if row else None


def users(tx: Connection) -> list[StoredUser]:
    """All, by name."""
    rows = tx.execute(select(_users).order_by(_users.c.name)).mappings()
    return [from_row(StoredUser, row) for row in rows]


def put_user(tx: Connection, one: StoredUser) -> None:
    tx.execute(dialect.upsert(tx, _users), row_of(one, _users))


# --- tokens --------------------------------------------------------------------------------------


def token(tx: Connection, identity: str) -> StoredToken | None:
    row = tx.execute(select(_tokens).where(_tokens.c.id == identity)).mappings().first()
    return from_row(StoredToken, row) if row else None


def tokens(tx: Connection, user: str | None = None) -> list[StoredToken]:
    """Those of a user, newest first; None: all, also those of executors."""
    query = select(_tokens).order_by(_tokens.c.made_at.desc(), _tokens.c.id)
    if user is not None:
        query = query.where(_tokens.c.user == user)
    return [from_row(StoredToken, row) for row in tx.execute(query).mappings()]


def put_token(tx: Connection, one: StoredToken) -> None:
    tx.execute(dialect.upsert(tx, _tokens), row_of(one, _tokens))


def forget_ended(tx: Connection, before: float) -> int:
    """Let go tokens that were good for nothing any more by then; gives how many that were."""
    ended = func.coalesce(_tokens.c.revoked_at, _tokens.c.expires_at)
    return tx.execute(delete(_tokens).where(ended < before)).rowcount


def last_used(tx: Connection) -> dict[str, float]:
    """By user, when any of its tokens was sent last."""
    query = select(_tokens.c.user, func.max(_tokens.c.used_at)).group_by(_tokens.c.user)
    return {name: at for name, at in tx.execute(query) if name is not None and at is not None}


def note_use(tx: Connection, identity: str, now: float, *, every_s: float) -> None:
    """A token was sent; written down only where the last time is longer ago than `every_s`."""
    stale = or_(_tokens.c.used_at.is_(None), _tokens.c.used_at < now - every_s)
    tx.execute(update(_tokens).where(_tokens.c.id == identity, stale).values(used_at=now))


# --- roles ---------------------------------------------------------------------------------------


def roles(tx: Connection, user: str) -> dict[str, Role]:
    """What a user is, by project."""
    query = select(_members.c.project, _members.c.role).where(_members.c.user == user)
    return {project: Role(role) for project, role in tx.execute(query)}


def members(tx: Connection, project: str | None = None) -> list[tuple[str, str, Role]]:
    """(project, user, role) of one project, or of all; by project and user."""
    query = select(_members).order_by(_members.c.project, _members.c.user)
    if project is not None:
        query = query.where(_members.c.project == project)
    return [(row.project, row.user, Role(row.role)) for row in tx.execute(query)]


def grant(tx: Connection, project: str, user: str, role: Role) -> None:
    row = {"project": project, "user": user, "role": role.value}
    tx.execute(dialect.upsert(tx, _members), row)


def ungrant(tx: Connection, project: str, user: str) -> bool:
    """False when there was no role to take away."""
    mine = (_members.c.project == project, _members.c.user == user)
    return bool(tx.execute(delete(_members).where(*mine)).rowcount)
