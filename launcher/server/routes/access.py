"""Who may do what in a project, and on which clusters its jobs may run."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict

from launcher.model.access import Role
from launcher.names import NAME
from launcher.server.routes.context import Answer, Here, Noted, Services, must_be_user
from launcher.views import as_json
from launcher.views_users import AccessView, ClusterRuleView, MemberView

router = APIRouter(
    prefix="/api/v1/projects", tags=["projects"], dependencies=[Depends(must_be_user)]
)

_Any = Annotated[str, Path(pattern=rf"^(?:\*|{NAME.pattern})$")]
"""The name of a project or of a cluster; `*` is every one."""


class Grant(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Role


class Ruling(BaseModel):
    model_config = ConfigDict(extra="forbid")

    allowed: bool


@router.get("/{name}")
def show(here: Here, name: _Any) -> Answer:
    """Who has a role there, and where its jobs may run."""
    return _shown(here, name)


@router.put("/{name}/members/{user}")
def grant(here: Here, noted: Noted, name: _Any, user: str, wish: Grant) -> Answer:
    """Give a user a role, in place of the one that they have there."""
    noted.of(f"{user} is {wish.role}", name)
    here.accounts.grant(name, user, wish.role)
    return _shown(here, name)


@router.delete("/{name}/members/{user}")
def ungrant(here: Here, noted: Noted, name: _Any, user: str) -> Answer:
    """Take a user's role there away."""
    noted.of(user, name)
    here.accounts.ungrant(name, user)
    return _shown(here, name)


@router.put("/{name}/clusters/{cluster}")
def rule(here: Here, noted: Noted, name: _Any, cluster: _Any, ruling: Ruling) -> Answer:
    """Let the project use the cluster from now on, or not; what runs there goes on."""
    noted.of(f"{cluster}{'' if ruling.allowed else ' denied'}", name)
    here.projects.rule(name, cluster, allowed=ruling.allowed)
    return _shown(here, name)


@router.delete("/{name}/clusters/{cluster}")
def forget_rule(here: Here, noted: Noted, name: _Any, cluster: _Any) -> Answer:
    """Say nothing of the two any more: what is said of all projects or clusters counts."""
    noted.of(f"{cluster} as others", name)
    here.projects.rule(name, cluster, allowed=None)
    return _shown(here, name)


def _shown(here: Services, name: str) -> Answer:
    members = tuple(MemberView(user, role.value) for _, user, role in here.accounts.members(name))
    rules = here.projects.rules()
    said = tuple(
        ClusterRuleView(project, cluster, allowed)
        for (project, cluster), allowed in sorted(rules.rules.items())
        if project in {name, "*"}
    )
    return Answer(as_json(AccessView(name, members, rules.reach(name).words, said)))
