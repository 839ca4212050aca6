"""How long what is kept is kept."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from launcher.model.access import Action, Caller
from launcher.model.retention import Rules
from launcher.names import NAME
from launcher.server.routes.context import Answer, Asks, Here, Noted, must_be_user
from launcher.views import RetentionRule, as_json

router = APIRouter(
    prefix="/api/v1/retention", tags=["server"], dependencies=[Depends(must_be_user)]
)


class Change(BaseModel):
    project: str = Field(default="", pattern=f"^$|^(?:{NAME.pattern})$")
    """Empty: of the server, for all projects without a rule of their own."""
    values: dict[str, float | None] = {}
    """Seconds since a job's end by kind, bytes of log-size; null: for ever."""
    default: list[str] = []
    """Kinds whose rule is taken away."""


class Asked(BaseModel):
    dry_run: bool = False


@router.get("")
def show(here: Here, asks: Asks) -> Answer:
    """The server's rules, and those of projects that the caller may look at."""
    return _shown(here.retaining.rules, asks)


@router.put("")
def change(here: Here, asks: Asks, noted: Noted, change: Change) -> Answer:
    noted.of(change.project, change.project)
    asks.expect(Action.MANAGE, change.project)
    return _shown(here.retaining.set_rules(change.project, change.values, change.default), asks)


@router.post("/apply")
def apply(here: Here, asked: Asked) -> Answer:
    """Let go now what the server would within minutes."""
    return Answer({"expired": as_json(here.retaining.apply(dry_run=asked.dry_run))})


def _shown(rules: Rules, asks: Caller) -> Answer:
    found = [
        RetentionRule(*key, value)
        for key, value in sorted(rules.values.items())
        if asks.may(Action.LOOK, key[0])
    ]
    return Answer({"rules": as_json(found)})
