"""A server that a team shares, over TLS: users, an executor by its own token, agents on nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from authority import Authority
from ray_nodes import RayNodes
from ray_view import RayView
from stack import Stack

from launcher.client import Client
from launcher.errors import ForbiddenError, NotFoundError, UnauthorizedError
from launcher.trust import VARIABLE

PROGRAM = "print('trained over TLS', flush=True)"


@pytest.fixture
def shared(
    ray_nodes: RayNodes, ray_view: RayView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stack]:
    """Whoever speaks to its server believes our own authority; on the nodes lies no file of it."""
    authority = Authority(tmp_path)
    cert, key = authority.issue()
    monkeypatch.setenv(VARIABLE, str(authority.file))
    token = tmp_path / "executor-token"
    token.write_text("the-executor-of-cluster-test\n")
    stack = Stack(tmp_path / "stack", ray_nodes, ray_view)
    stack.folder.mkdir()
    stack.server.arguments += ["--tls-cert", str(cert), "--tls-key", str(key)]
    stack.server.arguments += ["--executor-token", f"test={token}"]
    stack.executor.arguments[-1] = str(token)
    try:
        stack.start()
        yield stack
    finally:
        stack.end()


def test_a_job_of_a_user_trains_over_tls_and_is_nobody_elses(shared: Stack) -> None:
    assert shared.url.startswith("https://")
    owner = shared.client
    ada = Client(shared.url, owner.add_user("ada", project="vision").text)
    eve = Client(shared.url, owner.add_user("eve", project="audio").text)
    shared._client = ada  # it is she who submits

    job = shared.run(PROGRAM, workers=2, project="vision")

    assert (job.state, job.user) == ("SUCCEEDED", "ada")
    assert shared.log(job.id) == b"trained over TLS\n"
    assert eve.jobs() == []
    with pytest.raises(NotFoundError):
        eve.job(job.id)
    with pytest.raises(ForbiddenError):
        eve.submit(name="job", entrypoint=["true"], framework="command", project="vision")
    told = [(one.user, one.did, one.thing) for one in owner.audit(thing=job.id)]
    assert told == [("ada", "job.submit", job.id)]

    identity = ada.whoami().token
    assert identity is not None
    owner.revoke_token(identity.id)
    with pytest.raises(UnauthorizedError):
        ada.job(job.id)
    shared._client = owner
    for client in (ada, eve):
        client.close()
