"""POST /jobs and what it refuses."""

import sys
from dataclasses import replace

import pytest
from players import SPEC, Executor, node, sha256

from launcher.errors import ConflictError, SpecError
from launcher.server.submitting import Submitting, Wish
from launcher.spec.judge import spec_from_data
from launcher.store import jobs


def test_a_submitted_job_waits_in_the_queue_with_its_whole_spec(server):
    reply = server.submit()
    assert reply.status == 201
    job = reply.json()
    assert (job["state"], job["user"], job["workers"]) == ("QUEUED", "ada", 2)
    assert job["spec"]["timeouts"]["start"] == 3600.0
    assert server.get("/jobs")["jobs"][0]["id"] == job["id"]
    assert [event["text"] for event in server.get(f"/jobs/{job['id']}/events")["events"]] == [
        "submitted by ada"
    ]


def test_workers_of_one_process_without_gpus_are_told_that_they_need_logical_devices(server):
    job = server.submit(framework="tensorflow", entrypoint="train.py").json()
    [_, remark] = server.get(f"/jobs/{job['id']}/events")["events"]
    assert "2 workers of one process, and no GPUs" in remark["text"]
    assert "tf.config.set_logical_device_configuration" in remark["text"]


def test_the_same_key_gives_the_same_job_again(server):
    first, again = server.submit(key="k1"), server.submit(key="k1")
    assert (first.status, again.status) == (201, 200)
    assert first.json() == again.json()
    assert len(server.get("/jobs")["jobs"]) == 1


def test_an_id_that_is_taken_is_drawn_again(server, monkeypatch):
    drawn = iter(["k3m9ap", "k3m9ap", "x7t9ab"])
    monkeypatch.setattr("launcher.names.random_part", lambda: next(drawn))
    ids = [server.submit().json()["id"] for _ in range(2)]
    assert ids == ["digits-k3m9ap", "digits-x7t9ab"]


def test_another_key_and_no_key_give_another_job(server):
    ids = {server.submit(key=key).json()["id"] for key in ("k1", "k2", None, None)}
    assert len(ids) == 4


@pytest.fixture
def submitting(server):
    here = server.services
    return Submitting(here.control, here.gauge, here.showing, embedded=True)


def wish(key=None, **more):
    spec = {name: more.pop(name) for name in set(more) & {"resources", "project", "array"}}
    return Wish(spec_from_data(SPEC | spec), "ada", key, **more)


def test_the_same_key_at_the_same_moment_gives_one_job(submitting):
    first, other, again = submitting.take([wish("k1"), wish("k2"), wish("k1")])
    assert [one.is_new for one in (first, other, again)] == [True, True, False]
    assert (again.job.id, other.job.id != first.job.id) == (first.job.id, True)


def test_one_that_is_refused_keeps_no_other_from_being_stored(server, submitting, executor):
    before, refused, after = submitting.take(
        [wish("k1"), wish("k2", resources={"workers": 9}), wish("k3", hold=True)]
    )
    assert isinstance(refused, SpecError)
    shown = {job["id"]: job["state"] for job in server.get("/jobs")["jobs"]}
    assert shown == {before.job.id: "QUEUED", after.job.id: "HELD"}
    assert submitting.take([wish("k2")])[0].is_new


def test_those_of_one_moment_count_against_the_quota_of_their_project(server, submitting):
    server.ask("PUT", "/projects/vision", data={"queued": 3})
    taken = submitting.take([wish(project="vision", array=array) for array in (None, "0-1", None)])
    assert [isinstance(one, ConflictError) for one in taken] == [False, False, True]


def test_what_breaks_the_transaction_of_several_breaks_only_its_own(
    server, submitting, monkeypatch
):
    insert_all = jobs.insert_all

    def broken(tx, new, keys):
        insert_all(tx, new, keys)
        if any(job.user == "bob" for job in new):
            raise RuntimeError("a bug")

    monkeypatch.setattr(jobs, "insert_all", broken)
    wishes = [wish("k1"), replace(wish("k2"), user="bob"), wish("k3")]
    first, bad, last = submitting.take(wishes)
    assert isinstance(bad, RuntimeError)
    assert {job["id"] for job in server.get("/jobs")["jobs"]} == {first.job.id, last.job.id}


def test_a_package_that_was_not_uploaded_is_refused(server):
    reply = server.submit(code=sha256(b"never sent"))
    assert (reply.status, reply.error) == (422, "the packaged workdir was not uploaded")
    assert server.get("/jobs")["jobs"] == []


def test_an_uploaded_package_is_the_jobs_code(server):
    digest = sha256(b"a tar")
    assert server.ask("PUT", f"/packages/{digest}", body=b"a tar").status == 201
    assert server.submit(code=digest).status == 201


def test_complaints_about_a_spec_come_all_at_once_and_in_our_words(server):
    reply = server.submit(resources={"workers": "many"}, retires={"max": 3})
    assert reply.status == 422
    assert "resources.workers: " in reply.error
    assert "retires: unknown key; did you mean retries" in reply.error


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"spec": 3}', b"[" * 100_000])
def test_a_request_that_is_none_is_refused_in_our_form(server, body):
    headers = {"Content-Type": "application/json"}
    reply = server.ask("POST", "/jobs", headers=headers, body=body)
    assert reply.status in {400, 422}
    assert reply.error


def test_a_gang_that_no_cluster_can_ever_hold_is_refused(server, executor):
    reply = server.submit(resources={"workers": 9})
    assert reply.status == 422
    assert "9" in reply.error
    assert reply.json()["hint"]
    assert server.submit(resources={"workers": 8}).status == 201


def test_gpus_are_asked_for_where_the_cluster_has_them(server):
    with_gpus = node("n1") | {"total": {"CPU": 4, "GPU": 2}, "free": {"CPU": 4, "GPU": 2}}
    Executor(server).report(with_gpus)
    spec = {"framework": "pytorch", "entrypoint": "train.py"}
    assert server.submit(**spec).json()["gpus_per_worker"] == 1
    assert server.submit().json()["gpus_per_worker"] == 0


def test_the_submitters_python_is_kept_for_a_job_that_names_none(server):
    named = {"python": {"interpreter": sys.executable}}
    data = {"spec": SPEC, "python": "/venv/bin/python"}
    for spec, kept in ((SPEC, "/venv/bin/python"), (SPEC | named, "")):
        job = server.ask("POST", "/jobs", data=data | {"spec": spec}).json()
        assert job["own_python"] == kept
        assert job["spec"]["python"]["interpreter"] == spec.get("python", {}).get("interpreter")
        again = {"spec": spec, "code_of": job["id"], "python": "/another/python"}
        assert server.ask("POST", "/jobs", data=again).json()["own_python"] == kept
