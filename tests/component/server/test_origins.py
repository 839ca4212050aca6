"""Jobs that begin from another job's checkpoint."""

import pytest
from players import Agent, sha256


@pytest.fixture
def saved(job, agent):
    """A running job with checkpoints of three steps, of which it keeps two."""
    for step in (10, 20, 30):
        assert agent.commit(step, {"model": f"weights {step}".encode()}).status == 200
    return job


@pytest.fixture
def begin(server, executor):
    """Submits a job that begins from another one, and has it granted; gives its agent."""

    def begin(reference, **spec):
        job = server.new_job(from_job=reference, resources={"workers": 1}, **spec)
        server.cycle()
        (wanted,) = [a for a in executor.desired()["allocations"] if a["job_id"] == job]
        return Agent(server, wanted, address="10.0.0.2:7000")

    return begin


def test_the_newest_checkpoint_is_where_the_first_attempt_begins(server, saved, begin):
    agent = begin(saved)
    orders = agent.sync()
    assert orders["resume"]["step"] == 30
    shown = server.show(agent.job)
    assert shown["spec"]["from_job"] == f"{saved}@30"
    assert shown["attempts"][0]["resume_step"] == 30
    manifest = agent.ask("GET", f"/checkpoints/{orders['resume']['id']}").json()
    assert [entry["path"] for entry in manifest["files"]] == ["model"]
    blob = agent.ask("GET", f"/blobs/{manifest['files'][0]['sha256']}")
    assert blob.body == b"weights 30"


def test_a_step_and_the_beginning_of_an_id_will_do(saved, begin):
    random_part = saved.rpartition("-")[2]
    assert begin(f"{random_part}@20").sync()["resume"]["step"] == 20


def test_the_jobs_own_checkpoint_counts_once_it_has_one(server, saved, begin):
    agent = begin(saved, retries={"max": 1, "backoff": 0})
    agent.sync()
    agent.commit(35, {"model": b"own"})
    agent.end("PROGRAM_FAILED", began=True)
    server.cycle()
    assert agent.sync()["resume"]["step"] == 35


def test_an_attempt_that_saved_nothing_is_followed_by_one_from_the_same_origin(
    server, saved, begin
):
    agent = begin(saved, retries={"max": 1, "backoff": 0})
    agent.sync()
    agent.end("PROGRAM_FAILED", began=True)
    server.cycle()
    orders = agent.sync()
    assert (orders["grant"], orders["resume"]["step"]) == (2, 30)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("nobody", "from_job: no job 'nobody'"),
        ("{job}@10", "has no checkpoint of step 10; it has those of 20, 30"),
        ("{empty}", "has no committed checkpoint"),
    ],
)
def test_what_is_not_there_is_refused_at_submit(server, saved, reference, words):
    empty = server.new_job()
    reply = server.submit(from_job=reference.format(job=saved, empty=empty))
    assert reply.status == 422
    assert words in reply.error
    assert len(server.get("/jobs")["jobs"]) == 2


def steps(server, job):
    return [one["step"] for one in server.get(f"/jobs/{job}/checkpoints")["checkpoints"]]


def test_the_origin_is_kept_as_long_as_it_is_needed_and_no_longer(server, saved, agent, begin):
    fork = begin(f"{saved}@20")
    fork.sync()
    for step in (40, 50, 60):
        agent.commit(step, {"model": f"weights {step}".encode()})
    assert steps(server, saved) == [20, 50, 60]
    assert server.store.blobs.has(sha256(b"weights 20"))
    fork.commit(25, {"model": b"own"})
    assert steps(server, saved) == [50, 60]
    assert not server.store.blobs.has(sha256(b"weights 20"))


def test_a_failed_job_may_be_retried_from_its_origin(server, saved, agent, begin):
    fork = begin(f"{saved}@20")
    fork.sync()
    fork.end("PROGRAM_FAILED", began=True)
    for step in (40, 50, 60):
        agent.commit(step, {"model": f"weights {step}".encode()})
    assert server.order("retry", fork.job).status == 200
    assert steps(server, saved) == [20, 50, 60]


def test_another_jobs_checkpoint_is_opened_to_nobody_who_did_not_begin_from_it(
    server, saved, begin
):
    fork = begin(f"{saved}@20")
    (other,) = [
        one for one in server.get(f"/jobs/{saved}/checkpoints")["checkpoints"] if one["step"] == 30
    ]
    assert fork.ask("GET", f"/checkpoints/{other['id']}").status == 404
    assert fork.ask("GET", f"/blobs/{other['files'][0]['sha256']}").status == 404
