"""POST /jobs and what it refuses."""

import sys
import threading

import pytest
from players import SPEC, Executor, node, sha256


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


def test_another_key_and_no_key_give_another_job(server):
    ids = {server.submit(key=key).json()["id"] for key in ("k1", "k2", None, None)}
    assert len(ids) == 4


def test_the_same_key_at_the_same_moment_gives_one_job(server, monkeypatch):
    """The second request arrives while the first one has looked for the key and not yet stored."""
    both_looked = threading.Barrier(2, timeout=20)
    prospects = server.control.floor.prospects

    def meet(tx):
        both_looked.wait()
        return prospects(tx)

    monkeypatch.setattr(server.control.floor, "prospects", meet)
    replies = []
    threads = [
        threading.Thread(target=lambda: replies.append(server.submit(key="k1"))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reply.status for reply in replies) == [200, 201]
    assert len({reply.json()["id"] for reply in replies}) == 1


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
