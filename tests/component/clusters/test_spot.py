"""cluster/spot.sh beside a cloud's metadata server: what its agents hear, and when."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from launcher.executor.leaving import Watch

SCRIPT = Path(__file__).parents[3] / "cluster/spot.sh"
AWS = ("GET", "/latest/meta-data/spot/instance-action")
GOOGLE = ("GET", "/computeMetadata/v1/instance/preempted")


class Cloud(ThreadingHTTPServer):
    """Answers by what `says`; else 404, as both clouds do to the other's questions."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Metadata)
        self.says: dict[tuple[str, str], tuple[str, str]] = {}
        """(method, path) -> (header that is asked for, answer)."""
        self.asked: list[tuple[str, str]] = []


class _Metadata(BaseHTTPRequestHandler):
    server: Cloud

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path))
        header, answer = self.server.says.get((self.command, self.path), ("", ""))
        self.send_response(200 if answer and header in self.headers else 404)
        self.end_headers()
        self.wfile.write(answer.encode())

    do_PUT = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud() as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield served
        served.shutdown()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """Its lock lies beside it."""
    return Path(shutil.copy(SCRIPT, tmp_path / "spot.sh"))


@pytest.fixture
def environment(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("LAUNCHER_SPOOL_ROOT", str(tmp_path / "spool"))
    url = f"http://127.0.0.1:{cloud.server_port}"
    return {**os.environ, "SPOT_METADATA": url, "SPOT_PAUSE_S": "0.05"}


def wait_until(holds: Callable[[], object]) -> None:
    give_up = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["aws", "google"])
def test_the_word_of_a_cloud_is_told_to_the_agents(
    cloud: Cloud, script: Path, environment: dict[str, str], name: str
) -> None:
    if name == "aws":
        path = ("PUT", "/latest/api/token")
        cloud.says[path] = "X-aws-ec2-metadata-token-ttl-seconds", "t0"
    else:
        cloud.says[GOOGLE] = "Metadata-Flavor", "FALSE"
    watch = subprocess.Popen(["bash", str(script), "--watch"], env=environment)
    wait_until(lambda: cloud.asked.count(GOOGLE) > 2)
    assert Watch(0.0).look() == ""
    assert watch.poll() is None
    if name == "aws":
        cloud.says[AWS] = "X-aws-ec2-metadata-token", '{"action": "terminate"}'
    else:
        cloud.says[GOOGLE] = "Metadata-Flavor", "TRUE"
    assert watch.wait(timeout=30) == 0
    assert Watch(0.0).look().startswith("the cloud takes machine ")


def test_one_watches_however_often_it_is_started(
    cloud: Cloud, script: Path, environment: dict[str, str]
) -> None:
    for _ in range(2):
        subprocess.run(["bash", str(script)], env=environment, check=True, timeout=30)
    wait_until(lambda: cloud.asked.count(GOOGLE) > 2)
    again = ["bash", str(script), "--watch"]
    second = subprocess.run(again, env=environment, check=False, timeout=30)
    assert second.returncode == 0
    cloud.says[GOOGLE] = "Metadata-Flavor", "TRUE"
    wait_until(lambda: Watch(0.0).look())
