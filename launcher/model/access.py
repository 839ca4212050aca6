"""Who asks the server, and what each may do. Pure: the one decision is `Caller.may`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from launcher.errors import ForbiddenError

EVERY = "*"
"""In the place of a project or a cluster: all of them, also those that do not exist yet."""
TOKEN_PREFIX = "lt_"  # noqa: S105 - no token: how those of users and executors begin
USER_NAME = re.compile(r"[a-z0-9]([a-z0-9._@-]{0,61}[a-z0-9])?")


class Role(str, Enum):
    """What somebody is in a project. Each may do all that those before it may."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def __str__(self) -> str:
        return self.value


class Action(str, Enum):
    """What a route does to what it is about; the only kinds that rights are given for."""

    LOOK = "look at"
    """Jobs, and all that is kept of them."""
    ACT = "change"
    """Submit, cancel, hold, retry, remove, run commands beside ranks; secrets of the project."""
    MANAGE = "manage"
    """Who may do what in a project, and how long what it has is kept."""
    SERVE = "administer"
    """The server: users, clusters, quotas, what is of all projects."""

    def __str__(self) -> str:
        return self.value


_NEEDS = {Action.LOOK: Role.VIEWER, Action.ACT: Role.MEMBER, Action.MANAGE: Role.ADMIN}


class Kind(str, Enum):
    """Who a caller is. Executors and jobs are not callers: their tokens open their own routes."""

    OWNER = "owner"
    """Whoever has the server's own token, which opens all of it."""
    PERSON = "person"
    SERVICE = "service"
    """A program that acts by itself, as a CI job."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        name: of the user; empty for the owner, who may say by whose name something is done.
        kind: what that is.
        roles: by project; of `EVERY` in all projects.
        is_admin: of the server: may do all.
        token: id of the token that was sent, or by which a page was opened; empty for the owner's.
        said: the name that the owner opened a page by.
    """

    name: str = ""
    kind: Kind = Kind.OWNER
    roles: Mapping[str, Role] = field(default_factory=dict)
    is_admin: bool = False
    token: str = ""
    said: str = ""

    @property
    def within(self) -> frozenset[str] | None:
        """The projects that this caller may look at; None: all."""
        return None if self.is_admin or EVERY in self.roles else frozenset(self.roles)

    def role(self, project: str) -> Role | None:
        """The highest one there."""
        held = [self.roles[name] for name in (project, EVERY) if name in self.roles]
        return max(held, key=lambda role: role.rank, default=None)

    def may(self, action: Action, project: str = "") -> bool:
        """Whether this caller may do that to what is of the project.

        Args:
            action: what.
            project: whose; empty: the server itself, which everybody who is known may look at.
        """
        if self.is_admin:
            return True
        if action is Action.SERVE:
            return False
        if not project:
            return action is Action.LOOK
        role = self.role(project)
        return role is not None and role.rank >= _NEEDS[action].rank

    def expect(self, action: Action, project: str = "") -> None:
        """Refuse what this caller may not do.

        Raises:
            ForbiddenError: that is so; it does not say whether there is such a project.
        """
        if not self.may(action, project):
            raise self.refusal(action, project)

    def expect_anywhere(self, action: Action) -> None:
        """Refuse who may do that in no project at all.

        Raises:
            ForbiddenError: that is so.
        """
        if not self.is_admin and not any(self.may(action, name) for name in self.roles):
            raise ForbiddenError(
                f"{self._called} may {action} nothing: no project gave them such a role",
                hint="an admin gives one: launcher project grant PROJECT "
                f"{self.name or 'USER'} {_NEEDS[action]}",
            )

    def refusal(self, action: Action, project: str) -> ForbiddenError:
        """What a caller is told who may not do that."""
        if not project or action is Action.SERVE:
            return ForbiddenError(
                f"{self._called} may not administer this server",
                hint="ask one of its admins; launcher whoami tells what you may",
            )
        role, needed = self.role(project), _NEEDS[action]
        is_ = f"is {role} of project '{project}'" if role else f"has no role in project '{project}'"
        own = sorted(name for name in self.roles if name != EVERY and self.may(action, name))
        where = f"; project: {' or '.join(own[:3])} would do" if own and role is None else ""
        return ForbiddenError(
            f"{self._called} {is_}: to {action} what is in it takes {needed}{where}",
            hint=f"an admin gives the role: launcher project grant {project} "
            f"{self.name or 'USER'} {needed}",
        )

    def by(self, said: str = "", otherwise: str = "a user") -> str:
        """Whose name is written down: the caller's own, or what the owner says."""
        return self.name or said or self.said or otherwise

    def own_key(self, key: str | None) -> str | None:
        """An idempotency key as it is stored: nobody comes upon what another one submitted.

        Names of users have no space in them.
        """
        return f"{self.name} {key}" if key and self.name else key

    @property
    def _called(self) -> str:
        return self.name or "this page"


def id_of_token(text: str) -> str:
    """What names a token and opens nothing, of that name or of a whole token.

    >>> id_of_token("h7k2m9xq"), id_of_token("lt_h7k2m9xq_0tG04W0v")
    ('h7k2m9xq', 'h7k2m9xq')
    """
    return text.strip().removeprefix(TOKEN_PREFIX).partition("_")[0]


OWNER = Caller(is_admin=True)
ONLOOKER = Caller(roles={EVERY: Role.VIEWER})
"""Who opened a page by the viewing key of a server without users."""
