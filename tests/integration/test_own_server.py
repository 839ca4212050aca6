"""The server that `launcher run` starts for its user, with Ray on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import machine
import pytest
from diary import Diary, assert_every_point_once
from machine import wait_until
from stack import PROGRAMS

from launcher.client import Client
from launcher.clusters import _processes
from launcher.clusters._record import Record
from launcher.server.process import EXECUTOR, SERVER, read_record


class OwnMachine:
    """A user's machine: a fresh state folder, and commands that use it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state_dir = folder, folder / "state"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("LAUNCHER_")},
            "LAUNCHER_STATE_DIR": str(self.state_dir),
            "LAUNCHER_LOCAL_CPUS": "4",
            "LAUNCHER_LOCAL_GPUS": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "NO_COLOR": "1",
        }

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "launcher", *words],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of one command."""
        command = self.start(*words, **environment)
        out, err = command.communicate(timeout=300)
        return command.returncode, out, err

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        client = Client(self.url, (self.state_dir / "token").read_text().strip())
        with contextlib.closing(client):
            yield client

    @property
    def url(self) -> str:
        record = read_record(self.state_dir / SERVER)
        assert record is not None
        return str(record["url"])

    def pid(self, name: str) -> int:
        record = read_record(self.state_dir / name)
        assert record is not None
        return int(record["pid"])

    def ray(self) -> set[_processes.Process]:
        record = Record.read(self.state_dir / "ray" / "ray.json")
        return record.processes() if record is not None else set()

    def running(self) -> list[str]:
        """What of it still runs."""
        folder = str(self.state_dir).encode()
        ours = [f"{pid}" for pid in machine.pids() if folder in b" ".join(machine.command(pid))]
        return [*ours, *map(str, self.ray())]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnMachine]:
    made = OwnMachine(tmp_path)
    yield made
    code, _, err = made.call("down", "-y")
    assert code == 0, err
    wait_until(lambda: not made.running(), lambda: f"left over: {made.running()}")


def test_two_users_of_a_fresh_machine_get_one_server_and_down_leaves_nothing(
    own: OwnMachine,
) -> None:
    (own.folder / "train.py").write_text("import os\nprint('rank', os.environ['RANK'])\n")
    commands = [own.start("run", "--workers", "2", "--", "train.py") for _ in range(2)]
    outputs = [command.communicate(timeout=300) for command in commands]
    assert [command.returncode for command in commands] == [0, 0], outputs
    assert all("rank 0" in out and "rank 1" in out for out, _ in outputs)
    with own.client() as client:
        assert len(client.jobs()) == 2
    servers = [pid for pid in machine.pids() if _is_server(pid, own.state_dir)]
    assert servers == [own.pid(SERVER)]
    members = own.ray()
    assert members
    code, _, err = own.call("down", "-y")
    assert (code, err) == (0, "stopped\n")
    assert not own.running()
    assert not list(own.state_dir.glob("*.db-wal")), "the store was closed"
    assert not any(map(_processes.alive, members))
    assert own.call("down", "-y")[2] == "nothing was running\n"


@pytest.mark.apart
def test_a_cluster_whose_raylet_was_killed_is_started_anew_and_its_job_goes_on(
    own: OwnMachine,
) -> None:
    """Ray itself needs some 20 s to give the raylet up."""
    (own.folder / "train.py").write_text(
        "import os, time\ntime.sleep(600 if os.environ['LAUNCHER_ATTEMPT'] == '1' else 0)\n"
    )
    code, _, err = own.call("submit", "--workers", "2", "--", "train.py")
    assert code == 0, err
    with own.client() as client:
        (job,) = client.jobs()
        wait_until(lambda: client.job(job.id).state == "RUNNING", "the first attempt")
        [raylet] = [
            pid for pid in machine.pids() if _is_raylet(pid, own.state_dir / "ray" / "ray.json")
        ]
        machine.kill(raylet)
        wait_until(lambda: client.job(job.id).is_over, "the end of the second attempt")
        ended = client.job(job.id)
    assert ended.state == "SUCCEEDED"
    assert ended.attempts[0].ending in {"WORKER_LOST", "NODE_LOST", "CLUSTER_LOST"}


def _is_raylet(pid: int, record: Path) -> bool:
    vital = {one["pid"] for one in json.loads(record.read_text())["vital"]}
    return pid in vital and machine.command(pid)[0].endswith(b"raylet")


def _is_server(pid: int, state_dir: Path) -> bool:
    words = machine.command(pid)
    return b"server" in words and str(state_dir).encode() in words


def test_a_killed_server_is_started_by_the_next_command_and_finds_its_running_job(
    own: OwnMachine, diary: Diary
) -> None:
    """On the port that the agents know it by; a killed executor is started by the server."""
    (own.folder / "train.py").write_text((PROGRAMS / "meet.py").read_text())
    spec = {
        "entrypoint": "train.py",
        "env": {"DIARY": str(diary.folder)},
        "resources": {"workers": 2},
    }
    (own.folder / "job.yaml").write_text(json.dumps(spec))
    code, _, err = own.call("run", "--detach", "job.yaml")
    assert code == 0, err
    url, executor = own.url, own.pid(EXECUTOR)
    with own.client() as client:
        [job] = client.jobs()
        wait_until(lambda: client.checkpoints(job.id), "a checkpoint")
        machine.kill(own.pid(SERVER))
        code, out, err = own.call("list")
        assert code == 0, err
        assert job.id in out
        assert own.url == url
        machine.kill(executor)
        wait_until(lambda: own.pid(EXECUTOR) != executor, "another executor")
        diary.finish()
        assert client.wait(job.id).state == "SUCCEEDED"
        assert len(client.job(job.id).attempts) == 1
        assert_every_point_once(client, job.id, diary)


def test_what_cannot_be_reached_is_told_with_the_next_step(own: OwnMachine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = own.call("server", "--port", str(port), "--state-dir", str(own.state_dir))
        assert code == 1
        assert f"127.0.0.1:{port} cannot be listened on: Address already in use" in err
        assert "choose another --port" in err
    code, _, err = own.call("list", LAUNCHER_SERVER=f"http://127.0.0.1:{port}")
    assert code == 4
    assert f"no connection to the server at http://127.0.0.1:{port}: nothing listens there" in err
    assert "hint: check LAUNCHER_SERVER" in err


def test_a_wrong_token_and_a_second_server_are_refused_in_words(own: OwnMachine) -> None:
    server = ("server", "--state-dir", str(own.state_dir))
    running = own.start(*server)
    wait_until((own.state_dir / SERVER).exists, "the server's record")
    code, _, err = own.call("list", LAUNCHER_SERVER=own.url, LAUNCHER_TOKEN="wrong")
    assert code == 4
    assert "this server does not know the token" in err
    code, _, err = own.call(*server)
    assert code == 5
    assert f"a server runs on {own.state_dir} already" in err
    running.terminate()
    running.communicate(timeout=60)
    with socket.create_server(("127.0.0.1", int(own.url.rpartition(":")[2]))):
        code, _, err = own.call("up")
    assert code == 4
    assert "which this server always had, is taken by another process" in err
