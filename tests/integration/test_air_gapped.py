"""A cluster of two machines that reach no package index, attached as its users would.

One machine that both reach serves a folder of wheels with `python -m http.server`.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import uuid
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import ray_head
import two_machines
import wheels
from stack import Stack
from two_machines import TwoMachines

from launcher.executor.building import found_uv

PROGRAM = """
import json, os, socket, NAME
print(json.dumps([socket.gethostname(), NAME.VERSION, os.environ["RANK"]]))
"""
MISSING = (
    two_machines.missing()
    or ray_head.missing()
    or ("" if found_uv(os.environ) else "uv is not installed")
)

pytestmark = [pytest.mark.apart, pytest.mark.skipif(bool(MISSING), reason=MISSING)]


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoMachines]:
    """Their Ray has uv on its PATH, and no word of where packages are."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for variable in [one for one in os.environ if one.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(variable)
    with TwoMachines(tmp_path, foreign=True) as machines:
        yield machines


@pytest.fixture
def name() -> str:
    """Of the package that is there."""
    return f"pack{uuid.uuid4().hex[:8]}"


@pytest.fixture
def index(machines: TwoMachines, tmp_path: Path, name: str) -> Iterator[str]:
    """The address of a folder with a folder a package, as pip and uv read it."""
    wheels.write_wheel(tmp_path / "shelf" / name, name)
    handler = functools.partial(_Quiet, directory=str(tmp_path / "shelf"))
    with ThreadingHTTPServer((machines.gateway, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{machines.gateway}:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def attached(machines: TwoMachines, tmp_path: Path) -> Iterator[Stack]:
    (tmp_path / "stack").mkdir()
    stack = Stack(tmp_path / "stack", machines, None)  # type: ignore[arg-type]
    stack.server.arguments += ["--host", machines.gateway, "--insecure-http"]
    try:
        stack.start_server()
        list(stack.client.attach("prod", machines.url))
        yield stack
    finally:
        stack.end()


def test_packages_come_from_a_folder_that_somebody_serves(
    attached: Stack, machines: TwoMachines, index: str, name: str
) -> None:
    program = PROGRAM.replace("NAME", name)
    keys = {"python": {"requirements": [f"--index-url {index}", name]}, "resources": {"nodes": 2}}
    for how in ("made", "was there"):
        job = attached.run(program, **keys)
        assert job.state == "SUCCEEDED", attached.story(job.id)
        answers = attached.answers(job.id, 2)
        assert sorted(host for host, _, _ in answers) == [machines.name(0), machines.name(1)]
        assert [answer[1:] for answer in answers] == [["1.0", "0"], ["1.0", "1"]]
        notes = [one.text for one in attached.client.events(job.id) if one.kind == "note"]
        assert sorted(text[:6] for text in notes) == ["node 0", "node 1"]
        assert all(f": {how}" in text for text in notes), notes

    keys["python"] = {"requirements": [f"--index-url {index}", f"{name}x"]}
    job = attached.run(program, **keys)
    assert attached.last_attempt(job.id).ending == "SETUP_FAILED"
    assert f"Because {name}x was not found in the package registry" in (job.reason or "")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
