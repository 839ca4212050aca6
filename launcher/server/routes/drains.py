"""Nodes that people want left."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from launcher.server.routes.context import Answer, Asks, Here, Noted, must_be_user
from launcher.views import as_json

router = APIRouter(prefix="/api/v1/drains", tags=["clusters"], dependencies=[Depends(must_be_user)])


class Node(BaseModel):
    model_config = ConfigDict(extra="forbid")

    node: str = Field(min_length=1, max_length=300)
    """Host name or Ray node id, or the beginning of either."""
    cluster: str = ""
    """Where; empty: wherever there is one of that name."""


class Wish(Node):
    why: str = Field("", max_length=300)
    when_idle: bool = False
    """What runs there may end by itself; else it saves at once, and goes on elsewhere."""
    user: str = ""


@router.get("")
def show(here: Here) -> Answer:
    """All of them."""
    return Answer({"drains": as_json(here.draining.all())})


@router.post("")
def drain(here: Here, asks: Asks, noted: Noted, wish: Wish) -> Answer:
    noted.said = wish.user
    noted.of(wish.node)
    done = here.draining.drain(
        wish.node,
        cluster=wish.cluster,
        by=asks.by(wish.user),
        why=wish.why.strip(),
        when_idle=wish.when_idle,
    )
    noted.of(f"{done.node} of {done.cluster}")
    return Answer(as_json(done))


@router.post("/end")
def undrain(here: Here, noted: Noted, wish: Node) -> Answer:
    noted.of(wish.node)
    done = here.draining.undrain(wish.node, cluster=wish.cluster)
    noted.of(f"{done.node} of {done.cluster}")
    return Answer(as_json(done))
