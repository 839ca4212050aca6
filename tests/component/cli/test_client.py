import contextlib
import hashlib
import math
import threading

import pytest

from launcher import address
from launcher.api.caller import this_user
from launcher.client import Client
from launcher.errors import (
    ConflictError,
    LauncherError,
    NotFoundError,
    UnauthorizedError,
    UnreachableError,
)
from launcher.follow import Ended, Interrupted, LogChunk, MetricsBatch, StateChange, follow
from launcher.spec.build import spec_from_command


@pytest.fixture
def client(fake):
    client = Client()
    yield client
    client.close()


@pytest.fixture
def spec(program, monkeypatch):
    monkeypatch.chdir(program)
    return spec_from_command(["train.py"])


def test_a_submit_sends_the_code_once_and_the_spec_with_who_and_which_python(client, fake, spec):
    first, second = client.submit(spec), client.submit(spec)
    assert first.is_new
    assert first.job.id != second.job.id
    assert [method for method, path, _ in fake.requests if "packages" in path] == [
        "HEAD",
        "PUT",
        "HEAD",
    ]
    (sha256, content), *_ = fake.packages.items()
    assert hashlib.sha256(content).hexdigest() == sha256
    assert fake.jobs[first.job.id]["spec"]["entrypoint"] == "train.py"
    assert first.job.user == "ada"
    assert not first.package.tar.exists()


def test_a_second_submit_with_the_same_key_gives_the_first_ones_job(client, spec):
    first, second = client.submit(spec, key="k"), client.submit(spec, key="k")
    assert (second.is_new, second.job.id) == (False, first.job.id)


def test_last_is_the_newest_job_of_this_user(client, fake):
    fake.add_job("theirs-000001", user="bob")
    fake.add_job("mine-000002")
    fake.add_job("older-000003")
    assert client.job("last").id == client.job("-").id == "mine-000002"


def test_last_of_somebody_without_jobs_is_not_found(client):
    with pytest.raises(NotFoundError, match="ada has submitted no job yet"):
        client.job("last")


def test_a_wrong_token_is_told(fake):
    with (
        contextlib.closing(Client(fake.url, "wrong")) as client,
        pytest.raises(UnauthorizedError, match="the token is wrong"),
    ):
        client.jobs()


def test_not_a_numbers_of_a_curve_are_read(client, fake):
    fake.add_job()
    points = [[1, "nan", 1.0, 1], [2, "-inf", 2.0, 1], [3, 0.5, 3.0, 1]]
    fake.series = [{"name": "loss", "rank": 0, "points": points}]
    (curve,) = client.metrics("digits")
    assert math.isnan(curve.points[0][1])
    assert curve.points[1:] == ((2, -math.inf, 2.0, 1), (3, 0.5, 3.0, 1))


def test_a_log_is_read_whole_in_pieces(client, fake, monkeypatch):
    fake.add_job()
    content = bytes(range(256)) * 5000
    fake.logs[1, 0] = content
    assert b"".join(client.log("digits", 1, 0)) == content
    assert client.tail_log("digits", 1, 0, 1).length == len(content)


def test_unknown_keys_of_a_newer_server_are_passed_over(client, fake):
    fake.add_job(colour="blue")
    assert client.job("digits").state == "RUNNING"


# --- checkpoints ----------------------------------------------------------------------------------


def entry(path, content, mode=0o644):
    sha256 = hashlib.sha256(content).hexdigest()
    return {"path": path, "size": len(content), "sha256": sha256, "mode": mode}


@pytest.fixture
def checkpoint(fake):
    fake.add_job()
    fake.files = {"model.pt": b"weights", "sub dir/run.sh": b"#!/bin/sh\n"}
    files = [entry("model.pt", b"weights"), entry("sub dir/run.sh", b"#!/bin/sh\n", 0o755)]
    made = {"id": 3, "attempt": 1, "step": 10, "size": 17, "created_at": 0.0, "files": files}
    fake.checkpoints = [made | {"id": 2, "files": []}, made]
    return made


def test_the_newest_checkpoint_comes_whole_with_its_permissions(client, checkpoint, tmp_path):
    target = tmp_path / "deep" / "here"
    assert client.download_checkpoint("digits", target).id == 3
    assert (target / "model.pt").read_bytes() == b"weights"
    assert (target / "sub dir" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert [path.name for path in target.parent.iterdir()] == ["here"]


def test_a_damaged_file_leaves_nothing_behind(client, fake, checkpoint, tmp_path):
    fake.files["sub dir/run.sh"] = b"rm -rf /\n"
    with pytest.raises(LauncherError, match=r"run\.sh came damaged"):
        client.download_checkpoint("digits", tmp_path / "here")
    assert list(tmp_path.iterdir()) == []


def test_a_file_name_that_leaves_the_folder_is_refused(client, checkpoint, tmp_path):
    checkpoint["files"].append(entry("../evil", b""))
    with pytest.raises(LauncherError, match="outside the checkpoint"):
        client.download_checkpoint("digits", tmp_path / "here")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_already_is_not_overwritten(client, checkpoint, tmp_path):
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(ConflictError, match="exists already"):
        client.download_checkpoint("digits", tmp_path)
    assert (tmp_path / "mine").read_text() == "precious"


def test_an_unknown_checkpoint_is_refused_with_those_that_are_there(client, checkpoint, tmp_path):
    with pytest.raises(NotFoundError, match="no checkpoint 9") as caught:
        client.download_checkpoint("digits", tmp_path / "here", id=9)
    assert caught.value.hint == "it has 2, 3"


# --- following ------------------------------------------------------------------------------------


def no_pause(seconds):
    pass


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("launcher.follow.follow", lambda *given: follow(*given, pause=no_pause))


def test_a_job_is_followed_to_its_end_in_typed_messages(client, fake, log_message):
    job = fake.add_job(state="SUCCEEDED")
    point = {"name": "loss", "rank": 0, "attempt": 1, "step": 2, "value": "nan", "time": 1.0}
    fake.follow_end(
        job, log_message(0, b"a\n"), ("metrics", {"points": [point]}), ("new-kind", {"x": 1})
    )
    messages = list(client.follow("digits", logs="0", tail=5))
    assert [type(message) for message in messages] == [StateChange, LogChunk, MetricsBatch, Ended]
    assert math.isnan(messages[2].points[0].value)
    assert fake.requests[-1][1].endswith("/follow?logs=0&tail=5")


@pytest.mark.parametrize("breaks", [True, False])
def test_a_lost_connection_goes_on_behind_the_last_message_and_tells_nothing_twice(
    client, fake, log_message, impatient, breaks
):
    job = fake.add_job(state="SUCCEEDED")
    fake.follow(("state", job), log_message(0, b"one two "), breaks=breaks)
    fake.follow(
        log_message(0, b"one "),
        log_message(0, b"two three ", offset=4),
        log_message(1, b"other"),
        ("end", {"state": "SUCCEEDED"}),
    )
    messages = [m for m in client.follow("digits") if not isinstance(m, Interrupted)]
    chunks = [(m.rank, m.offset, m.data) for m in messages if isinstance(m, LogChunk)]
    assert chunks == [(0, 0, b"one two "), (0, 8, b"three "), (1, 0, b"other")]
    assert "cursor=c1" in fake.requests[-1][1]


def opening(*outcomes):
    """Opens these streams, one after another; an error is raised in place of one."""
    left = list(outcomes)

    def open_stream(query):
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return open_stream


class Lines:
    def __init__(self, *lines):
        self._lines = lines

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def lines(self):
        return iter(self._lines)


def test_a_server_that_is_away_is_tried_for_ever_with_growing_pauses():
    first = Lines(
        b"id: 1", b"event: state", b'data: {"id":"a-1","name":"a","state":"RUNNING"}', b""
    )
    last = Lines(b"event: end", b'data: {"state":"SUCCEEDED"}', b"")
    opens = opening(first, *[UnreachableError("gone")] * 8, last)
    pauses = []
    messages = list(follow(opens, {}, pause=pauses.append, clock=lambda: 7.0))
    assert sum(isinstance(message, Interrupted) for message in messages) == 8
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.2, 5.0)


def test_a_server_that_was_never_there_is_told_at_once():
    with pytest.raises(UnreachableError, match="gone"):
        next(follow(opening(UnreachableError("gone")), {}, pause=no_pause))


def test_an_event_that_was_cut_off_is_none_and_comes_again():
    torn = Lines(b"id: 1", b"event: end", b'data: {"state":')
    whole = Lines(b": keep-alive", b"", b"id: 1", b"event: end", b'data: {"state":"FAILED"}', b"")
    assert list(follow(opening(torn, whole), {}, pause=no_pause)) == [Ended("FAILED")]


def test_a_message_that_cannot_be_read_is_told_with_its_kind():
    with pytest.raises(LauncherError, match="a log message that cannot be read"):
        next(follow(opening(Lines(b"event: log", b"data: {}", b"")), {}))


def test_waiting_gives_the_ended_job(client, fake):
    job = fake.add_job(state="FAILED")
    fake.follow_end(job)
    assert client.wait("digits").state == "FAILED"


def test_a_followed_job_can_be_read_in_another_thread(client, fake):
    fake.follow_end(fake.add_job(state="SUCCEEDED"))
    got = []
    thread = threading.Thread(target=lambda: got.extend(client.follow("digits")))
    thread.start()
    client.jobs()
    thread.join()
    assert isinstance(got[-1], Ended)


# --- where the server is --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"LAUNCHER_STATE_DIR": "/a", "XDG_STATE_HOME": "/b"}, "/a"),
        ({"XDG_STATE_HOME": "/b"}, "/b/launcher"),
        ({}, "/home/ada/.local/state/launcher"),
    ],
)
def test_the_state_folder_follows_the_environment(monkeypatch, environment, folder):
    for name in ("LAUNCHER_STATE_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(address.state_dir()) == folder


def test_arguments_go_before_the_environment(monkeypatch):
    monkeypatch.setenv("LAUNCHER_SERVER", "http://a")
    monkeypatch.setenv("LAUNCHER_TOKEN", "t")
    assert address.find_server() == address.NamedServer("http://a", "t")
    assert address.find_server("http://b", "u") == address.NamedServer("http://b", "u")


def test_a_server_that_died_is_started_again_and_one_that_was_stopped_is_not(
    fake, monkeypatch, tmp_path
):
    started = []

    def start(folder):
        started.append(folder)
        return fake.url

    monkeypatch.setattr("launcher.server.process.ensure_server", start)
    own = address.OwnServer(tmp_path, "t")
    with pytest.raises(UnreachableError, match="no server runs here"):
        own.connect()
    (tmp_path / "server.json").write_text('{"pid": 0, "start": 0, "url": "http://gone"}')
    assert own.connect().base_url == fake.url
    assert started == [tmp_path]


def test_the_token_of_the_own_server_is_read_from_its_folder(fake, monkeypatch, tmp_path):
    monkeypatch.setattr("launcher.server.process.running_server", lambda _: fake.url)
    (tmp_path / "token").write_text(f"{fake.token}\n")
    with contextlib.closing(address.OwnServer(tmp_path).connect()) as connection:
        assert connection.request("GET", "/api/v1/server").status == 200


def test_a_user_without_a_name_is_a_number(monkeypatch):
    def nameless():
        raise KeyError(1000)

    monkeypatch.setattr("getpass.getuser", nameless)
    assert this_user().isdigit()
