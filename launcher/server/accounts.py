"""Users and tokens: who is behind a token, who is added, what each may do in which project.

A token is 256 random bits behind the id by which its row is found; stored is its hash. So what is
read out of a database, or of a backup, opens nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from launcher.errors import ConflictError, LauncherError, NotFoundError, SpecError
from launcher.model.access import (
    EVERY,
    OWNER,
    TOKEN_PREFIX,
    USER_NAME,
    Caller,
    Kind,
    Role,
    id_of_token,
)
from launcher.names import random_part
from launcher.server.auditing import KEPT_S
from launcher.server.control import Control
from launcher.spec.values import did_you_mean
from launcher.store import accounts
from launcher.store.accounts import StoredToken, StoredUser

log = logging.getLogger(__name__)

FRESH_S = 2.0
"""For so long a server goes by what it read: what another replica changed counts by then."""
_NOTED_EVERY_S = 60.0
_REMEMBERED = 1000
_LONGEST_LABEL = 200


@dataclass(frozen=True)
class NewToken:
    """`text` is shown once, and known to nobody afterwards."""

    stored: StoredToken
    text: str


@dataclass(frozen=True)
class _Known:
    at: float
    caller: Caller | None
    cluster: str | None


class Accounts:
    """Synchronous and thread-safe.

    Args:
        control: the server's.
        own_token: the server's own, whose holder owns it.
        executor_tokens: given at the start, by cluster.
        clock: monotonic, of what is remembered.
    """

    def __init__(
        self,
        control: Control,
        own_token: str,
        executor_tokens: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._control, self._own_token, self._clock = control, own_token, clock
        self._executor_tokens = dict(executor_tokens or {})
        self._known: dict[str, _Known] = {}
        self._changes = 0
        self._has_users: tuple[float, bool] | None = None
        self._turn = threading.Lock()

    # --- who asks --------------------------------------------------------------------------------

    @property
    def has_users(self) -> bool:
        """Whether anybody has an account; without, the server's own token is all there is."""
        known, now = self._has_users, self._clock()
        if known is None or now - known[0] > FRESH_S:
            with self._control.store.read() as tx:
                known = self._has_users = now, accounts.has_users(tx)
        return known[1]

    def is_owner(self, token: str) -> bool:
        """Whether it is the server's own token."""
        return bool(self._own_token) and hmac.compare_digest(
            token.encode(), self._own_token.encode()
        )

    def caller(self, token: str) -> Caller | None:
        """Who sends that token; None: nobody who may come in by it."""
        if self.is_owner(token):
            return OWNER
        known = self._look(token)
        return known.caller if known else None

    def caller_of(self, identity: str) -> Caller | None:
        """Who has the token of that id, as a page knows it; None: it is not valid any more."""
        return self._remembered(f"id {identity}", lambda tx: self._valid(tx, identity)).caller

    def speaks_for(self, token: str, cluster: str) -> bool:
        """Whether the token is one of an executor of that cluster."""
        given = self._executor_tokens.get(cluster)
        if given is not None and hmac.compare_digest(given.encode(), token.encode()):
            return True
        known = self._look(token)
        return known is not None and known.cluster == cluster

    def is_executors(self, token: str) -> bool:
        """Whether the token is one of any executor."""
        if any(self.speaks_for(token, cluster) for cluster in self._executor_tokens):
            return True
        known = self._look(token)
        return known is not None and known.cluster is not None

    def _look(self, token: str) -> _Known | None:
        identity, _, secret = token.removeprefix(TOKEN_PREFIX).partition("_")
        if not (
            token.startswith(TOKEN_PREFIX) and identity.isascii() and identity.isalnum() and secret
        ):
            return None
        digest = hash_of(token)

        def find(tx: Connection) -> StoredToken | None:
            found = self._valid(tx, identity)
            is_same = found and hmac.compare_digest(found.hash.encode(), digest.encode())
            return found if is_same else None

        return self._remembered(digest, find)

    def _remembered(self, key: str, find: Callable[[Connection], StoredToken | None]) -> _Known:
        known, now = self._known.get(key), self._clock()
        if known is not None and now - known.at <= FRESH_S:
            return known
        changes = self._changes
        with self._control.store.read() as tx:
            token = find(tx)
            caller = _caller(tx, token) if token else None
        known = _Known(now, caller, token.cluster if token else None)
        if token is not None and not key.startswith("id "):
            self._note_use(token)
        with self._turn:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            if changes == self._changes:  # else it may be what was so before
                self._known[key] = known
        return known

    def _valid(self, tx: Connection, identity: str) -> StoredToken | None:
        found = accounts.token(tx, identity)
        return found if found and found.is_valid(self._control.clock()) else None

    def _note_use(self, token: StoredToken) -> None:
        now = self._control.clock()
        if token.used_at is not None and now - token.used_at < _NOTED_EVERY_S:
            return
        # A full disk, or a replica that may not write, shall keep nobody out.
        with contextlib.suppress(LauncherError), self._control.store.begin() as tx:
            accounts.note_use(tx, token.id, now, every_s=_NOTED_EVERY_S)

    def _changed(self) -> None:
        with self._turn:
            self._changes += 1
            self._known.clear()
            self._has_users = None

    # --- users -----------------------------------------------------------------------------------

    def add(self, name: str, kind: Kind, *, is_admin: bool, by: str) -> StoredUser:
        """Raises SpecError: no name for a user; ConflictError: there is one of that name."""
        if not USER_NAME.fullmatch(name):
            raise SpecError(
                f"'{name}' cannot be the name of a user",
                hint="small letters, digits, and . _ @ - between them, at most 63",
            )
        now = self._control.clock()
        with self._control.store.begin() as tx:
            if accounts.user(tx, name) is not None:
                raise ConflictError(
                    f"there is a user '{name}' already",
                    hint=f"launcher token create --user {name} makes another token for them",
                )
            added = StoredUser(name, kind.value, is_admin, now, by)
            accounts.put_user(tx, added)
        self._changed()
        log.info("user %s was added by %s", name, by)
        return added

    def set(self, name: str, *, is_admin: bool | None, is_disabled: bool | None) -> StoredUser:
        """Change what a user may at all; None: that stays.

        Raises:
            NotFoundError: there is none.
        """
        with self._control.store.begin() as tx:
            one = self._user(tx, name)
            if is_admin is not None:
                one = replace(one, is_admin=is_admin)
            if is_disabled is not None:
                since = one.disabled_at or self._control.clock()
                one = replace(one, disabled_at=since if is_disabled else None)
            accounts.put_user(tx, one)
        self._changed()
        return one

    def users(self) -> list[tuple[StoredUser, dict[str, Role], float | None]]:
        """All, each with its roles, and when one of its tokens was used last."""
        with self._control.store.read() as tx:
            used, roles = accounts.last_used(tx), defaultdict[str, dict[str, Role]](dict)
            for project, name, role in accounts.members(tx):
                roles[name][project] = role
            return [(one, roles[one.name], used.get(one.name)) for one in accounts.users(tx)]

    def _user(self, tx: Connection, name: str) -> StoredUser:
        found = accounts.user(tx, name)
        if found is None:
            near = did_you_mean(name, {one.name for one in accounts.users(tx)})
            raise NotFoundError(
                f"no user '{name}'{near}", hint=f"an admin adds one: launcher user add {name}"
            )
        return found

    # --- tokens ----------------------------------------------------------------------------------

    def make_token(
        self,
        *,
        user: str | None,
        cluster: str | None = None,
        label: str = "",
        lasts_s: float | None = None,
        by: str,
        asked_by: str = "",
    ) -> NewToken:
        """A token of a user, or of the executor of a cluster.

        Args:
            user: whose; None: an executor's.
            cluster: of the executor.
            label: what it is for.
            lasts_s: seconds until it is good for nothing; None: until it is revoked.
            by: who makes it.
            asked_by: id of a token that it does not outlast: who stole one for an hour has it for
                that hour.

        Raises:
            NotFoundError: no such user.
        """
        now, identity = self._control.clock(), random_part(8)
        text = f"{TOKEN_PREFIX}{identity}_{secrets.token_urlsafe(32)}"
        stored = StoredToken(
            identity,
            hash_of(text),
            user,
            cluster,
            label[:_LONGEST_LABEL],
            now,
            by,
            expires_at=None if lasts_s is None else now + lasts_s,
        )
        with self._control.store.begin() as tx:
            if user is not None:
                self._user(tx, user)
            asking = accounts.token(tx, asked_by) if asked_by else None
            ends = [one.expires_at for one in (stored, asking) if one and one.expires_at]
            stored = replace(stored, expires_at=min(ends, default=None))
            accounts.put_token(tx, stored)
        return NewToken(stored, text)

    def tokens(self, user: str | None) -> list[StoredToken]:
        """Those of a user; None: all, also those of executors."""
        with self._control.store.read() as tx:
            return accounts.tokens(tx, user)

    def revoke(self, identity: str, *, of: str | None) -> StoredToken:
        """Let a token be good for nothing any more, with the pages that were opened by it.

        Args:
            identity: its id, as it stands in the token, too.
            of: only if it is this user's; None: whosever it is.

        Raises:
            NotFoundError: there is no such token of that user.
        """
        identity = id_of_token(identity)
        with self._control.store.begin() as tx:
            found = accounts.token(tx, identity)
            if found is None or (of is not None and found.user != of):
                raise NotFoundError(f"no token '{identity}'", hint="launcher token list shows them")
            if found.revoked_at is None:
                found = replace(found, revoked_at=self._control.clock())
                accounts.put_token(tx, found)
        self._changed()
        return found

    def forget(self) -> int:
        """Let go tokens of which the audit tells no more either, so long ago they ended."""
        with self._control.store.begin() as tx:
            return accounts.forget_ended(tx, self._control.clock() - KEPT_S)

    # --- roles -----------------------------------------------------------------------------------

    def grant(self, project: str, user: str, role: Role) -> None:
        """Raises NotFoundError: there is no such user."""
        with self._control.store.begin() as tx:
            self._user(tx, user)
            accounts.grant(tx, project, user, role)
        self._changed()

    def ungrant(self, project: str, user: str) -> None:
        """Raises NotFoundError: that user has no role there."""
        with self._control.store.begin() as tx:
            if not accounts.ungrant(tx, project, user):
                where = "in all projects" if project == EVERY else f"in project '{project}'"
                raise NotFoundError(
                    f"user '{user}' has no role {where}",
                    hint=f"launcher project show {project} tells who has",
                )
        self._changed()

    def members(self, project: str | None = None) -> list[tuple[str, str, Role]]:
        """(project, user, role) of one project, or of all."""
        with self._control.store.read() as tx:
            return accounts.members(tx, project)


def hash_of(token: str) -> str:
    """What is stored of a token. Nobody guesses 256 bits: no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def _caller(tx: Connection, token: StoredToken) -> Caller | None:
    if token.user is None:
        return None
    one = accounts.user(tx, token.user)
    if one is None or one.disabled_at is not None:
        return None
    roles = accounts.roles(tx, one.name)
    return Caller(one.name, Kind(one.kind), roles, one.is_admin, token.id)
