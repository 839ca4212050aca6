"""What the server tells of users and rights: see `launcher.views`, whose conventions hold here."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TokenView:
    """A token, never its secret part. `user`: whose; else `cluster`: the executor's of that one."""

    id: str
    user: str | None = None
    cluster: str | None = None
    label: str = ""
    made_at: float = 0.0
    made_by: str = ""
    expires_at: float | None = None
    used_at: float | None = None
    revoked_at: float | None = None


@dataclass(frozen=True)
class NewTokenView:
    """`text` is what opens the server; it is shown this once."""

    token: TokenView
    text: str


@dataclass(frozen=True)
class WhoView:
    """Who asks. `kind`: `owner` has the server's own token; else `person` or `service`."""

    name: str
    kind: str
    is_admin: bool = False
    roles: dict[str, str] = field(default_factory=dict)
    """By project; `*` is every one."""
    token: TokenView | None = None


@dataclass(frozen=True)
class UserView:
    name: str
    kind: str = "person"
    is_admin: bool = False
    added_at: float = 0.0
    added_by: str = ""
    disabled_at: float | None = None
    used_at: float | None = None
    """When one of its tokens was sent last, to the minute."""
    roles: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MemberView:
    user: str
    role: str


@dataclass(frozen=True)
class ClusterRuleView:
    """Of a project and a cluster, of which either may be `*`: every one."""

    project: str
    cluster: str
    allowed: bool


@dataclass(frozen=True)
class AccessView:
    """Who may do what in a project, and where its jobs may run."""

    project: str
    members: tuple[MemberView, ...] = ()
    clusters: str = "all"
    """In words."""
    rules: tuple[ClusterRuleView, ...] = ()
    """Those that say something of this project."""


@dataclass(frozen=True)
class AuditView:
    """A change, or one that was refused: then `status` is 400 or above."""

    id: int
    at: float
    user: str
    token: str = ""
    did: str = ""
    thing: str = ""
    project: str = ""
    status: int = 0
    address: str = ""
