"""What the nodes did over the last hour."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from launcher.server.mean_load import newest_of_nodes
from launcher.server.routes.context import Answer, Here, must_be_user
from launcher.views import as_json

router = APIRouter(prefix="/api/v1", tags=["server"], dependencies=[Depends(must_be_user)])


@router.get("/nodes/load")
def show(
    here: Here,
    minutes: Annotated[float, Query(gt=0, le=60)] = 60.0,
    nodes: Literal["all", "newest"] = "all",
) -> Answer:
    """CPU, memory and GPU use of every node over time, out of the samples of the jobs there.

    `mean`: of each cluster over the same time. `nodes=newest`: of each node only what it did last,
    which of a thousand nodes is what can be looked at.
    """
    load = here.load.recent(60 * minutes)
    return Answer(as_json(newest_of_nodes(load) if nodes == "newest" else load))
