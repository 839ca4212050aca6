"""Who one is, users and their tokens, and the audit."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from launcher.errors import ForbiddenError, SpecError
from launcher.model.access import Action, Caller, Kind, Role, id_of_token
from launcher.names import NAME
from launcher.server.routes.context import Answer, Asks, Here, Noted, must_be_user
from launcher.store.accounts import StoredToken, StoredUser
from launcher.views import as_json
from launcher.views_users import AuditView, NewTokenView, TokenView, UserView, WhoView

router = APIRouter(prefix="/api/v1", tags=["users"], dependencies=[Depends(must_be_user)])

_LONGEST_LABEL = 200
_MOST_ENTRIES = 10_000
_Lasts = Annotated[float | None, Field(gt=0, allow_inf_nan=False)]


class TokenWish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user: str | None = None
    """Whose; default: the caller's own."""
    cluster: Annotated[str, Field(pattern=f"^(?:{NAME.pattern})$")] | None = None
    """In place of a user's: a token for the executor of this cluster."""
    label: Annotated[str, Field(max_length=_LONGEST_LABEL)] = ""
    lasts_s: _Lasts = None
    """Seconds until it expires; null: never."""


class UserWish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    kind: Literal["person", "service"] = "person"
    is_admin: bool = False
    project: Annotated[str, Field(pattern=rf"^(?:\*|{NAME.pattern})$")] | None = None
    role: Role = Role.MEMBER
    """In that project."""
    lasts_s: _Lasts = None
    """Of the first token."""


class UserChange(BaseModel):
    """What is not named stays."""

    model_config = ConfigDict(extra="forbid")

    is_admin: bool | None = None
    is_disabled: bool | None = None


@router.get("/whoami")
def who(here: Here, asks: Asks) -> Answer:
    """By what token this was asked, and what it is good for."""
    own = [one for one in here.accounts.tokens(asks.name) if one.id == asks.token]
    roles = {project: role.value for project, role in sorted(asks.roles.items())}
    shown = _token(own[0]) if own else None
    return Answer(as_json(WhoView(asks.name, asks.kind.value, asks.is_admin, roles, shown)))


# --- tokens --------------------------------------------------------------------------------------


@router.get("/tokens")
def list_tokens(here: Here, asks: Asks, user: str | None = None, every: bool = False) -> Answer:
    """The caller's own; of another user, or `every` one, also of executors: for admins."""
    if every or user not in {None, asks.name}:
        asks.expect(Action.SERVE)
    wanted = None if every or (user is None and not asks.name) else user or asks.name
    return Answer({"tokens": as_json([_token(one) for one in here.accounts.tokens(wanted)])})


@router.post("/tokens", status_code=201)
def make_token(here: Here, asks: Asks, noted: Noted, wish: TokenWish) -> Answer:
    """Another token of the caller, good for no longer than the one that was sent.

    For admins also of other users, and of executors.
    """
    if wish.cluster is not None and wish.user is not None:
        raise SpecError("a token is a user's or an executor's, not both")
    user = None if wish.cluster else wish.user or asks.name
    noted.of(f"cluster {wish.cluster}" if wish.cluster else user or "")
    if wish.cluster is not None or user != asks.name:
        asks.expect(Action.SERVE)
    if wish.cluster is None and not user:
        raise SpecError(
            "whose token? the server's own one is nobody's",
            hint="launcher user add NAME, or launcher token create --user NAME",
        )
    made = here.accounts.make_token(
        user=user,
        cluster=wish.cluster,
        label=wish.label,
        lasts_s=wish.lasts_s,
        by=asks.by(),
        asked_by="" if asks.is_admin else asks.token,
    )
    noted.of(f"{made.stored.id} of {noted.thing}")
    return Answer(as_json(NewTokenView(_token(made.stored), made.text)), status_code=201)


@router.delete("/tokens/{identity}")
def revoke_token(here: Here, asks: Asks, noted: Noted, identity: str) -> Answer:
    """It is good for nothing any more: one of the caller's own, for admins any."""
    noted.of(id_of_token(identity))  # who gives the whole token has it in no record
    revoked = here.accounts.revoke(identity, of=None if asks.is_admin else asks.name)
    return Answer(as_json(_token(revoked)))


# --- users ---------------------------------------------------------------------------------------


@router.get("/users")
def list_users(here: Here) -> Answer:
    found = [_user(one, roles, used) for one, roles, used in here.accounts.users()]
    return Answer({"users": as_json(found)})


@router.post("/users", status_code=201)
def add_user(here: Here, asks: Asks, noted: Noted, wish: UserWish) -> Answer:
    """A new user, with a role in one project, if that is named, and a first token."""
    noted.of(wish.name, wish.project or "")
    kind, by = Kind(wish.kind), asks.by()
    here.accounts.add(wish.name, kind, is_admin=wish.is_admin, by=by)
    if wish.project is not None:
        here.accounts.grant(wish.project, wish.name, wish.role)
    made = here.accounts.make_token(user=wish.name, label="first", lasts_s=wish.lasts_s, by=by)
    return Answer(as_json(NewTokenView(_token(made.stored), made.text)), status_code=201)


@router.put("/users/{name}")
def change_user(here: Here, asks: Asks, name: str, change: UserChange) -> Answer:
    if name == asks.name and (change.is_disabled or change.is_admin is False):
        raise SpecError(
            "an admin neither disables nor demotes themselves",
            hint="another admin can, or who has the server's own token",
        )
    changed = here.accounts.set(name, is_admin=change.is_admin, is_disabled=change.is_disabled)
    return Answer(as_json(_user(changed, {}, None)))


# --- audit ---------------------------------------------------------------------------------------


@router.get("/audit")
def audit(
    *,
    here: Here,
    asks: Asks,
    user: str | None = None,
    thing: str | None = None,
    project: str | None = None,
    since: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST_ENTRIES)] = 100,
) -> Answer:
    """Who changed what, newest first: for admins of all, for a project's admins of that one."""
    found = here.audit.newest(limit, _audited(asks, project), user=user, thing=thing, since=since)
    return Answer({"entries": as_json([AuditView(**vars(one)) for one in found])})


def _audited(asks: Caller, project: str | None) -> list[str] | None:
    """The projects whose entries are shown; None: those of all, and of the server."""
    if project is not None:
        asks.expect(Action.MANAGE, project)
        return [project]
    if asks.is_admin:
        return None
    own = [name for name in asks.roles if asks.may(Action.MANAGE, name)]
    if not own:
        raise ForbiddenError(
            f"{asks.name} is admin of no project", hint="the audit is for admins to read"
        )
    return own


def _token(one: StoredToken) -> TokenView:
    shown = {name: value for name, value in vars(one).items() if name != "hash"}
    return TokenView(**shown)


def _user(one: StoredUser, roles: dict[str, Role], used_at: float | None) -> UserView:
    by_project = {project: role.value for project, role in sorted(roles.items())}
    return UserView(**vars(one), used_at=used_at, roles=by_project)
