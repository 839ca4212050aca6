"""Attaching Ray clusters that run, and Kubernetes, to this server, and detaching them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from launcher.errors import LauncherError
from launcher.model.own_cluster import KubernetesCluster
from launcher.server.routes.context import Answer, Here, must_be_user

log = logging.getLogger(__name__)

router = APIRouter(
    prefix="/api/v1/clusters", tags=["clusters"], dependencies=[Depends(must_be_user)]
)


class Attach(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ray_url: str
    """Of the dashboard of the Ray head."""
    ray_token: str | None = None
    server_url: str | None = None
    """How the nodes reach this server, where that is not its own URL."""


class AttachKubernetes(BaseModel):
    """As `launcher.model.own_cluster.KubernetesCluster` tells of each."""

    model_config = ConfigDict(extra="forbid")

    server_url: str = ""
    namespace: str = Field("default", pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    context: str = ""
    image: str = ""
    ray_version: str = KubernetesCluster.ray_version
    service_account: str = ""
    gpus_per_pod: int | None = Field(None, ge=1)
    has_gpus: bool = True
    max_jobs: int | None = Field(KubernetesCluster.max_jobs, ge=1)
    kueue: bool = False
    queues: dict[str, str] = {}
    priority_classes: dict[str, str] = {}


class Detach(BaseModel):
    model_config = ConfigDict(extra="forbid")

    force: bool = False
    """Also while jobs run there, and when Ray does not answer."""


@router.post("/{name}/attach")
def attach(name: str, wish: Attach, here: Here) -> StreamingResponse:
    """JSON lines as it goes on: {"step": …}, at the end {"done": true} or {"error": …}."""
    steps = here.attaching.attach(name, wish.ray_url, wish.ray_token, wish.server_url)
    return StreamingResponse(_lines(steps), media_type="application/x-ndjson")


@router.post("/{name}/kubernetes")
def attach_kubernetes(name: str, wish: AttachKubernetes, here: Here) -> StreamingResponse:
    """JSON lines as those of attaching a Ray cluster."""
    at = KubernetesCluster(name=name, **wish.model_dump())
    return StreamingResponse(_lines(here.kubernetes.attach(at)), media_type="application/x-ndjson")


@router.post("/{name}/detach")
def detach(name: str, wish: Detach, here: Here) -> Answer:
    if here.kubernetes.knows(name):
        return Answer({"jobs": here.kubernetes.detach(name, force=wish.force)})
    return Answer({"jobs": here.attaching.detach(name, force=wish.force)})


def _lines(steps: Iterator[str]) -> Iterator[str]:
    try:
        for step in steps:
            yield json.dumps({"step": step}) + "\n"
    except LauncherError as error:
        told = {"error": error.message, "hint": error.hint, "kind": type(error).__name__}
        yield json.dumps(told) + "\n"
    except Exception as error:
        log.exception("attaching broke")
        yield json.dumps({"error": f"attaching broke: {type(error).__name__}: {error}"}) + "\n"
    else:
        yield json.dumps({"done": True}) + "\n"
