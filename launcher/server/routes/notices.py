"""Messages to receivers outside, tried by hand, and the keys by which receivers know them."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from launcher.errors import SpecError
from launcher.model.access import Action
from launcher.names import random_part
from launcher.server.routes.context import Answer, Asks, Here, Noted, Services, must_be_user
from launcher.spec.secret import url_fault

router = APIRouter(prefix="/api/v1/notify", tags=["notify"], dependencies=[Depends(must_be_user)])


class Receiver(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str | None = None
    url_secret: str | None = None
    """Name of the secret that is the address."""
    project: str = "default"
    """Whose secret."""


@router.post("/test")
def test(here: Here, asks: Asks, noted: Noted, receiver: Receiver) -> Answer:
    """Post one message now; answers with the receiver's status."""
    # An address may be a secret as it is: whoever has it may post there.
    noted.of(receiver.url_secret or "an address", receiver.project)
    asks.expect(Action.ACT, receiver.project)
    url = _url(here, receiver)
    return Answer({"status": here.notices.try_out(url, f"msg_{random_part(24)}")})


@router.post("/key")
def key(here: Here, receiver: Receiver) -> Answer:
    """What a receiver verifies messages with, in the form of Standard Webhooks."""
    return Answer({"key": here.notices.key_for(_url(here, receiver))})


def _url(here: Services, receiver: Receiver) -> str:
    if bool(receiver.url) == bool(receiver.url_secret):
        raise SpecError("write either an address or the name of a secret that is one")
    url = receiver.url or here.secrets.value(receiver.project, receiver.url_secret or "")
    fault = url_fault(url.strip())
    if fault:
        shown = f"'{receiver.url}'" if receiver.url else f"secret '{receiver.url_secret}'"
        raise SpecError(f"{shown} {fault}")
    return url.strip()
