"""`launcher archive`: a whole job in a plain folder, goes on where it stopped, replaces nothing."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from launcher.spec.load import load_spec


def entry(fake, path, data):
    fake.files[path] = data
    digest = hashlib.sha256(data).hexdigest()
    return {"path": path, "size": len(data), "sha256": digest, "mode": 0o644}


@pytest.fixture
def job(fake):
    from launcher.spec.judge import spec_from_data

    spec = spec_from_data({"entrypoint": "train.py", "name": "digits", "workdir": "/home/ada/d"})
    package = io.BytesIO()
    with tarfile.open(fileobj=package, mode="w") as tar:
        info = tarfile.TarInfo("train.py")
        info.size = 8
        tar.addfile(info, io.BytesIO(b"print(1)"))
    fake.code = hashlib.sha256(package.getvalue()).hexdigest()
    fake.packages[fake.code] = package.getvalue()
    fake.logs = {(1, 0): b"one\n", (1, 1): b"two\n", (2, 0): b"three\n"}
    fake.series = [{"name": "loss", "rank": 0, "points": [[1, 0.5, 2.0, 1]]}]
    fake.events = [{"id": 1, "time": 0.0, "kind": "x", "text": "submitted by ada"}]
    fake.events += [{"id": 2, "time": 60.0, "kind": "x", "text": "saved", "attempt": 1}]
    fake.checkpoints = [
        {"id": 1, "attempt": 1, "step": 5, "size": 3, "created_at": 1.0}
        | {"files": [entry(fake, "m.pt", b"old")]},
        {"id": 2, "attempt": 2, "step": 9, "size": 3, "created_at": 1.0}
        | {"files": [entry(fake, "n/m.pt", b"new")]},
    ]
    fake.outputs = [entry(fake, "p/loss.png", b"PNG") | {"rank": 0, "attempt": 2}]
    return fake.add_job(state="SUCCEEDED", spec=spec.model_dump(mode="json"))["id"]


def tree(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(Path(root).rglob("*"))
        if path.is_file() and not path.name.startswith(".launcher")
    }


def test_all_that_is_kept_of_a_job_is_in_the_folder(cli, job):
    code, out, _ = cli("archive", "digits")
    assert (code, out) == (0, f"{job}\n")
    files = tree(job)
    assert {"spec.yaml", "job.json", "metrics.csv", "events.txt"} < set(files)
    assert {
        path: data for path, data in files.items() if "/" in path
    } == {
        "code/train.py": b"print(1)",
        "logs/attempt-1/rank-0.log": b"one\n",
        "logs/attempt-1/rank-1.log": b"two\n",
        "logs/attempt-2/rank-0.log": b"three\n",
        "checkpoints/step-5/m.pt": b"old",
        "checkpoints/step-9/n/m.pt": b"new",
        "outputs/p/loss.png": b"PNG",
    }  # fmt: skip
    assert files["metrics.csv"].decode().splitlines() == [
        "name,rank,attempt,step,value,time",
        "loss,0,1,1,0.5,2.0",
    ]
    assert files["events.txt"].decode() == (
        "1970-01-01T00:00:00Z  submitted by ada\n1970-01-01T00:01:00Z  attempt 1: saved\n"
    )
    assert json.loads(files["job.json"])["id"] == job


def test_its_spec_runs_again_from_within_the_folder(cli, job):
    cli("archive", "digits", "--to", "old")
    spec = load_spec("old/spec.yaml")
    assert spec.workdir == str(Path("old/code").absolute())


def test_an_interrupted_archive_goes_on_and_fetches_nothing_twice(cli, job, fake):
    whole = fake.files.pop("n/m.pt")
    fake.files["n/m.pt"] = b"cut"
    assert cli("archive", "digits")[0] == 1
    assert not Path(job, "checkpoints/step-9/n/m.pt").exists()
    fake.files["n/m.pt"] = whole
    fake.served.clear()
    fake.requests.clear()
    assert cli("archive", "digits")[0] == 0
    assert fake.served == ["n/m.pt"]
    asked = [path for _, path, _ in fake.requests]
    assert not [path for path in asked if path.endswith("/code") or "/logs/" in path]
    assert tree(job)["checkpoints/step-9/n/m.pt"] == b"new"
    assert not Path(job, ".launcher-partial").exists()


def test_a_job_that_went_on_is_brought_up_to_date(cli, job, fake):
    cli("archive", "digits")
    fake.logs[2, 0] += b"four\n"
    fake.outputs[0] = entry(fake, "p/loss.png", b"PNG2") | {"rank": 0, "attempt": 3}
    fake.events.append({"id": 3, "time": 61.0, "kind": "x", "text": "more"})
    fake.requests.clear()
    assert cli("archive", "digits")[0] == 0
    files = tree(job)
    assert files["logs/attempt-2/rank-0.log"] == b"three\nfour\n"
    assert files["outputs/p/loss.png"] == b"PNG2"
    assert files["events.txt"].decode().endswith("more\n")
    assert [path for _, path, _ in fake.requests if "/logs/2/0" in path] == [
        f"/api/v1/jobs/{job}/logs/2/0?offset=6&limit=1048576"
    ]


@pytest.mark.parametrize(
    "path", ["outputs/p/loss.png", "logs/attempt-1/rank-0.log", "events.txt", "spec.yaml"]
)
def test_a_file_that_somebody_changed_is_never_touched(cli, job, fake, path):
    cli("archive", "digits")
    Path(job, path).write_text("mine")
    fake.logs[1, 0] = b"other\n"
    fake.outputs[0] = entry(fake, "p/loss.png", b"PNG2") | {"rank": 0, "attempt": 3}
    fake.events.append({"id": 3, "time": 61.0, "kind": "x", "text": "more"})
    code, _, err = cli("archive", "digits")
    assert code == 5
    assert f"{job}/{path} is not what the archive put there" in err
    assert Path(job, path).read_text() == "mine"


def test_a_folder_of_something_else_is_left_alone(cli, job):
    Path(job).mkdir()
    Path(job, "thesis.tex").write_text("dear")
    code, _, err = cli("archive", "digits")
    assert code == 5
    assert f"{job} exists already and is no archive" in err
    assert tree(job) == {"thesis.tex": b"dear"}


def test_the_archive_of_another_job_is_left_alone(cli, job, fake):
    cli("archive", "digits", "--to", "a")
    fake.add_job("other-abcdef", spec=fake.jobs[job]["spec"])
    code, _, err = cli("archive", "other", "--to", "a")
    assert code == 5
    assert f"a is the archive of job {job}, not of other-abcdef" in err


def test_what_others_put_beside_it_stays(cli, job):
    cli("archive", "digits")
    Path(job, "notes.md").write_text("mine")
    Path(job, "outputs", "mine.png").write_text("mine")
    assert cli("archive", "digits")[0] == 0
    assert tree(job)["notes.md"] == tree(job)["outputs/mine.png"] == b"mine"


def test_a_torn_book_does_not_lose_what_is_there(cli, job, fake):
    cli("archive", "digits")
    book = Path(job, ".launcher-archive")
    book.write_bytes(book.read_bytes()[:-20])
    fake.served.clear()
    assert cli("archive", "digits")[0] == 0
    assert fake.served == []


def test_a_job_in_place_has_no_code(cli, job, fake):
    fake.jobs[job]["spec"] |= {"in_place": True}
    assert cli("archive", "digits")[0] == 0
    assert not Path(job, "code").exists()


@pytest.mark.parametrize("path", ["../evil", "/tmp/evil"])
def test_no_file_leaves_the_folder(cli, job, fake, path):
    fake.outputs = [entry(fake, path, b"x") | {"rank": 0, "attempt": 1}]
    for command in (["archive", "digits"], ["outputs", "digits", "get"]):
        code, _, err = cli(*command)
        assert code == 1
        assert f"the server names a file outside the job: '{path}'" in err


def test_no_file_of_a_checkpoint_leaves_the_folder(cli, job, fake):
    fake.checkpoints[0]["files"][0]["path"] = "../../evil"
    code, _, err = cli("archive", "digits")
    assert code == 1
    assert "names a file outside of the archive" in err
