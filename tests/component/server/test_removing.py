"""Ended jobs are removed with all that only they had; a server that is killed finishes that."""

import threading

import pytest
from in_process import until
from players import Agent, sha256
from sqlalchemy import func, select

from launcher.model.sample import Sample, line_of
from launcher.server.removing import Removing
from launcher.store import tables

FILES = {"a.pt": b"a" * 1000, "b.pt": b"b" * 10}


@pytest.fixture
def ended(server, executor, agent, job):
    """An ended job with a log, points, a checkpoint, whose resources were given back."""
    agent.sync(attempt=1, started=1)
    agent.log(b"hello\n")
    agent.points(1, 2, loss=0.5)
    agent.append(("sampled", 1, 0, 0, line_of(Sample(5.0, 0, {"node/cpu": 1.0}))))
    assert agent.commit(2, FILES).status == 200
    agent.end()
    give_back(server, executor)
    return job


def give_back(server, executor):
    wanted = executor.desired()["allocations"] + executor.desired()["stop"]
    gone = [{"id": one["id"], "state": "gone", "reason": "", "agents": []} for one in wanted]
    executor.report(allocations=gone)


def code(server, data=b"the workdir"):
    digest = sha256(data)
    assert server.ask("PUT", f"/packages/{digest}", body=data).status == 201
    return digest


def rows(server, job):
    """Rows of the job in any table."""
    found = {}
    for metadata, read in (
        (tables.main, server.store.read),
        (tables.points, server.store.read_points),
    ):
        with read() as tx:
            for table in metadata.sorted_tables:
                key = table.c.get("job_id", table.c.id if table.name == "jobs" else None)
                if key is not None:
                    query = select(func.count()).select_from(table).where(key == job)
                    found[table.name] = tx.scalar(query)
    return {name: count for name, count in found.items() if count}


def remove(server, job, **query):
    path = f"/jobs/{job}" + ("?dry_run=1" if query.get("dry_run") else "")
    return server.ask("DELETE", path)


def left_behind(server):
    """Files that remember a removal."""
    folder = server.services.settings.state_dir / "removals"
    return sorted(path.name for path in folder.glob("*"))


def test_a_removed_job_leaves_nothing_behind(server, ended):
    logs = server.services.settings.state_dir / "logs" / ended
    assert logs.exists()
    kept = {"jobs", "checkpoints", "logs", "batches", "spools", "series", "sampled"}
    assert kept | {"sample_series"} <= rows(server, ended).keys()
    reply = remove(server, ended)
    assert reply.status == 200
    assert [job["id"] for job in reply.json()["jobs"]] == [ended]
    assert server.ask("GET", f"/jobs/{ended}").status == 404
    assert rows(server, ended) == {}
    assert not logs.exists()
    assert not any(server.store.blobs.has(sha256(data)) for data in FILES.values())
    assert left_behind(server) == []
    assert remove(server, ended).status == 404


def test_what_would_go_is_told_with_its_sizes_and_stays(server, ended):
    told = remove(server, ended, dry_run=True).json()
    (job,) = told["jobs"]
    assert (job["checkpoints"], job["logs"]) == (1010, 6)
    assert job["points"] > 0
    assert job["size"] == job["checkpoints"] + job["logs"] + job["points"]
    assert told["freed"] == job["size"]
    assert server.show(ended)["checkpoints"]["count"] == 1
    assert left_behind(server) == []


@pytest.mark.parametrize("state", ["QUEUED", "STARTING", "RUNNING"])
def test_only_ended_jobs_are_removed(server, agent, state):
    job = server.new_job() if state == "QUEUED" else agent.job
    if state == "RUNNING":
        agent.sync(attempt=1, started=1)
    reply = remove(server, job)
    assert reply.status == 409
    assert f"is {state}: only ended jobs are removed" in reply.error
    assert server.show(job)["state"] == state


def test_a_job_whose_resources_are_still_held_stays_until_its_cluster_is_lost(server, agent, job):
    agent.end()
    reply = remove(server, job)
    assert reply.status == 409
    assert "is giving its resources back" in reply.error
    server.services.control.floor._clock.now += 61
    assert remove(server, job).status == 200


def test_code_that_another_job_has_too_stays_until_that_one_goes(server, executor, agent, job):
    digest = code(server)
    first, second = (server.new_job(code=digest) for _ in range(2))
    for one in (first, second):
        server.order("cancel", one)
    told = remove(server, first).json()
    assert (told["jobs"][0]["code"], told["freed"]) == (len(b"the workdir"), 0)
    assert server.store.blobs.has(digest)
    assert remove(server, second).json()["freed"] == len(b"the workdir")
    assert not server.store.blobs.has(digest)


def test_a_job_that_another_one_begins_from_stays(server, ended):
    heir = server.new_job(from_job=ended)
    reply = remove(server, ended)
    assert reply.status == 409
    assert f"{heir} begins from its checkpoint" in reply.error
    told = server.ask("POST", "/prune", data={"older_than_s": 0}).json()
    assert (told["jobs"], [kept["id"] for kept in told["kept"]]) == ([], [])
    server.wall.now += 1
    told = server.ask("POST", "/prune", data={"older_than_s": 0}).json()
    assert (told["jobs"], [kept["id"] for kept in told["kept"]]) == ([], [ended])
    server.order("cancel", heir)
    assert remove(server, heir).status == 200
    assert remove(server, ended).status == 200


def test_old_jobs_are_pruned_by_age_project_and_state(server):
    jobs = {}
    for name, project in (("old", "default"), ("other", "vision"), ("young", "default")):
        server.wall.now += 3600
        jobs[name] = server.new_job(name=name, project=project)
        server.order("cancel", jobs[name])
    running = server.new_job()
    server.wall.now += 1

    def prune(**asked):
        told = server.ask("POST", "/prune", data=asked).json()
        return {job["id"] for job in told["jobs"]}

    assert prune(older_than_s=3000, dry_run=True) == {jobs["old"], jobs["other"]}
    assert prune(older_than_s=3000, states=["FAILED"]) == set()
    assert prune(older_than_s=3000, project="vision") == {jobs["other"]}
    assert prune(older_than_s=0) == {jobs["old"], jobs["young"]}
    assert server.show(running)["state"] == "QUEUED"


def test_nonsense_ages_are_refused(server):
    for age in (-1, "x", None):
        assert server.ask("POST", "/prune", data={"older_than_s": age}).status == 422


@pytest.mark.parametrize("step", ["points", "logs", "blobs"])
def test_a_server_that_is_killed_after_the_rows_went_finishes_when_it_starts(
    server, ended, monkeypatch, step
):
    store, committing = server.store, server.services.committing
    place = {
        "points": (store.metrics, "forget"),
        "logs": (store.logs, "forget"),
        "blobs": (committing, "remove_unnamed"),
    }[step]

    def die(*_):
        raise KeyboardInterrupt

    removing = server.services.removing
    with monkeypatch.context() as patch:
        patch.setattr(*place, die)
        with pytest.raises(KeyboardInterrupt):
            removing.remove([ended])
    assert server.ask("GET", f"/jobs/{ended}").status == 404
    assert len(left_behind(server)) == 1
    Removing(server.control, committing).finish_pending()
    assert rows(server, ended) == {}
    assert not (server.services.settings.state_dir / "logs" / ended).exists()
    assert not any(store.blobs.has(sha256(data)) for data in FILES.values())
    assert left_behind(server) == []


def test_a_server_that_is_killed_before_the_rows_went_removes_nothing(server, ended):
    digests = [sha256(data) for data in FILES.values()]
    server.store.removals.begin([ended], digests)
    torn = server.services.settings.state_dir / "removals" / "torn.new"
    torn.write_text('{"jobs": [')
    before = rows(server, ended)
    server.services.removing.finish_pending()
    assert rows(server, ended) == before
    assert all(server.store.blobs.has(digest) for digest in digests)
    assert left_behind(server) == []


def test_who_submits_the_same_code_while_it_is_being_deleted_is_told_to_send_it_again(
    server, monkeypatch
):
    digest = code(server)
    job = server.new_job(code=digest)
    server.order("cancel", job)
    replies = []
    submitting = threading.Thread(target=lambda: replies.append(server.submit(code=digest)))
    delete = server.store.blobs.delete

    def delete_while_somebody_submits(found):
        submitting.start()
        until(looked.is_set, "a look for the code")
        delete(found)

    looked = threading.Event()
    has = server.store.blobs.has

    def look(found):
        looked.set()
        return has(found)

    monkeypatch.setattr(server.store.blobs, "delete", delete_while_somebody_submits)
    monkeypatch.setattr(server.store.blobs, "has", look)
    looked.clear()
    assert remove(server, job).status == 200
    submitting.join()
    assert replies[0].status == 422
    assert "was not uploaded" in replies[0].error


def test_a_commit_that_comes_for_a_removed_job_is_refused(server, executor, agent, job, ended):
    assert remove(server, ended).status == 200
    late = Agent(server, {"token": agent.token, "job_id": job, "id": f"{job}.1"})
    assert late.commit(9, {"late.pt": b"late"}).status == 404
    assert rows(server, job) == {}
