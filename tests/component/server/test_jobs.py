"""Finding, listing, cancelling, retrying and explaining jobs."""

import pytest
from players import Agent, Executor, node

from launcher.model.job import AllocationState
from launcher.store import jobs


@pytest.fixture
def running(server, agent, job):
    agent.sync(attempt=1, started=1)
    return job


@pytest.fixture
def in_state(server, agent):
    """Gives a job that was brought into a state, over the API alone."""

    def bring(state):
        if state == "QUEUED":
            return server.new_job()
        if state in {"RUNNING", "CANCELLING"}:
            agent.sync(attempt=1, started=1)
        if state in {"CANCELLING", "CANCELLED"}:
            server.order("cancel", agent.job)
        endings = {"SUCCEEDED": "FINISHED", "FAILED": "PROGRAM_FAILED", "CANCELLED": "KILLED"}
        if state in endings:
            agent.end(endings[state])
        assert server.show(agent.job)["state"] == state
        return agent.job

    return bring


STATES = ["QUEUED", "STARTING", "RUNNING", "CANCELLING", "SUCCEEDED", "FAILED", "CANCELLED"]


# --- references ----------------------------------------------------------------------------------


def test_a_job_is_known_by_its_id_a_beginning_of_it_and_one_of_its_random_part(server):
    job = server.new_job()
    stem, _, random_part = job.rpartition("-")
    for ref in (job, job[:-2], stem, random_part, random_part[:4]):
        assert server.show(ref)["id"] == job


def test_a_beginning_that_several_jobs_share_is_refused_with_their_ids(server):
    first, second = server.new_job(), server.new_job()
    reply = server.ask("GET", "/jobs/digits")
    assert reply.status == 409
    assert first in reply.error
    assert second in reply.error


def test_an_unknown_job_is_not_found(server):
    server.new_job()
    parts = ("", "/why", "/events", "/logs", "/logs/1/0", "/metrics", "/checkpoints", "/follow")
    for part in parts:
        reply = server.ask("GET", f"/jobs/digits-zzzzzz{part}")
        assert (reply.status, reply.error) == (404, "no job 'digits-zzzzzz'")
    for verb in ("cancel", "retry", "declare-lost"):
        assert server.order(verb, "digits-zzzzzz").status == 404


def test_nothing_but_a_beginning_means_a_job(server):
    server.new_job()
    for ref in ("%25", "_", "d_g", "..", "x" * 5000, "%00", "j%C3%B6b", "igits"):
        assert server.ask("GET", f"/jobs/{ref}").status == 404, ref


# --- lists ---------------------------------------------------------------------------------------


def test_a_list_holds_the_states_and_the_project_that_were_asked_for_newest_first(server):
    made = []
    for number, project in enumerate(["vision", "vision", "text"]):
        server.wall.now += 1
        made.append(server.new_job(name=f"job{number}", project=project))
    server.order("cancel", made[0])

    def listed(**query):
        return [job["id"] for job in server.get("/jobs", **query)["jobs"]]

    assert listed() == made[::-1]
    assert listed(limit=1) == [made[2]]
    assert listed(limit=0) == []
    assert listed(project="vision") == [made[1], made[0]]
    assert listed(state="CANCELLED") == [made[0]]
    assert listed(state=["CANCELLED", "QUEUED"], project="vision") == [made[1], made[0]]
    assert listed(state="RUNNING") == []


def pages(server, **query):
    """The ids of a list, page by page."""
    after = ""
    for _ in range(20):
        data = server.get("/jobs", **query, **({"after": after} if after else {}))
        yield [job["id"] for job in data["jobs"]]
        after = data["next"]
        if not after:
            return
    raise AssertionError("it does not end")


def test_a_list_is_read_page_by_page_each_job_once(server):
    made = []
    for _ in range(2):
        server.wall.now += 0.1
        made += [server.new_job() for _ in range(3)]  # three of one moment
    whole = [job["id"] for job in server.get("/jobs")["jobs"]]
    assert sorted(whole) == sorted(made)
    assert list(pages(server, limit=2)) == [whole[:2], whole[2:4], whole[4:]]
    assert list(pages(server, limit=6)) == [whole]
    assert list(pages(server, limit=4, project="elsewhere")) == [[]]


def test_a_list_goes_on_where_it_was_after_a_job_that_was_removed(server):
    made = []
    for _ in range(3):
        server.wall.now += 1
        made.append(server.new_job())
    follows = server.get("/jobs", limit=1)["next"]
    server.order("cancel", made[2])
    assert server.ask("DELETE", f"/jobs/{made[2]}").status == 200
    server.wall.now += 1
    server.new_job()
    assert [job["id"] for job in server.get("/jobs", after=follows)["jobs"]] == [made[1], made[0]]


def test_a_folded_list_has_each_array_on_one_page_alone(server):
    arrays = {server.submit(array="0-3").json()["array_id"] for _ in range(3)}  # of one moment
    single = server.new_job()
    for limit in (1, 2, 3):
        found = [job for page in pages(server, fold=1, limit=limit) for job in page]
        heads = [job if job == single else job.rpartition("-")[0] for job in found]
        assert sorted(heads) == sorted({single, *arrays}), limit


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("after=x", "after"),
        ("after=...,a-1", "after"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=9e99", "limit"),
        ("state=MAD", "state"),
    ],
)
def test_a_list_by_what_is_no_number_or_state_is_refused_in_our_form(server, query, word):
    reply = server.ask("GET", f"/jobs?{query}")
    assert reply.status == 422
    assert reply.error.startswith(word)


def test_a_list_takes_as_many_queries_for_many_jobs_as_for_one(server, count_queries):
    server.new_job()
    with count_queries() as for_one:
        server.get("/jobs")
    for _ in range(5):
        server.new_job()
    with count_queries() as for_six:
        assert len(server.get("/jobs")["jobs"]) == 6
    assert len(for_six) == len(for_one) <= 3


# --- cancel, retry, declare-lost -----------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_cancelling_ends_what_has_not_ended_and_leaves_the_rest_alone(server, in_state, state):
    job = in_state(state)
    after = {"QUEUED": "CANCELLED", "STARTING": "CANCELLING", "RUNNING": "CANCELLING"}
    for _ in range(2):
        reply = server.order("cancel", job, force=True)
        assert (reply.status, reply.json()["state"]) == (200, after.get(state, state))


@pytest.mark.parametrize("state", STATES)
def test_only_a_failed_or_cancelled_job_is_retried(server, in_state, state):
    job = in_state(state)
    reply = server.order("retry", job)
    if state in {"FAILED", "CANCELLED"}:
        assert (reply.status, reply.json()["state"]) == (200, "QUEUED")
    else:
        assert reply.status == 409
        assert f"is {state}" in reply.error
        assert server.show(job)["state"] == state


@pytest.mark.parametrize("state", STATES)
def test_only_what_may_still_run_is_declared_lost(server, in_state, state):
    job = in_state(state)
    reply = server.order("declare-lost", job, user="ada")
    if state in {"STARTING", "RUNNING", "CANCELLING"}:
        after = "CANCELLED" if state == "CANCELLING" else "QUEUED"
        assert (reply.status, reply.json()["state"]) == (200, after)
        told = [event["text"] for event in server.get(f"/jobs/{job}/events")["events"]]
        assert any("declared lost by ada" in text for text in told)
    else:
        assert (reply.status, reply.error) == (409, f"job '{job}' has no running attempt")


def test_a_cancelled_gang_is_ordered_to_stop_and_a_second_time_without_grace(
    server, running, agent
):
    server.order("cancel", running)
    orders = agent.sync()
    assert (orders["stop"], orders["force"]) == (True, False)
    server.order("cancel", running, force=True)
    assert agent.sync()["force"] is True


def test_a_retried_job_gets_another_allocation_and_attempt(server, executor, agent, job):
    agent.end("PROGRAM_FAILED")
    server.order("retry", job)
    executor.report(node("n1"), allocations=[{"id": f"{job}.1", "state": "gone"}])
    server.cycle()
    assert [a["number"] for a in server.show(job)["attempts"]] == [1, 2]
    assert executor.desired()["allocations"][0]["id"] == f"{job}.2"


# --- why -----------------------------------------------------------------------------------------


def why(server, job):
    return server.get(f"/jobs/{job}/why")["text"]


def test_why_tells_what_a_job_waits_for(server, executor):
    job = server.new_job()
    assert why(server, job).endswith("the scheduler has not seen it yet")
    executor.report(node("n1", free=0), node("n2", free=0))
    server.wall.now += 90
    server.cycle()
    text = why(server, job)
    assert text.startswith(f"{job} has waited for 1m30s: ")
    assert server.show(job)["reason"] in text


def test_why_tells_who_is_waited_for_while_a_gang_starts_runs_and_stops(server, executor, job):
    awaited = f"{job} starts attempt 1: waiting for "
    assert why(server, job) == f"{awaited}the agents of 1 of 1 nodes"
    agent = Agent(server, executor.desired()["allocations"][0])
    agent.sync()
    assert why(server, job) == f"{awaited}1 of 1 nodes"
    agent.sync(attempt=1, started=1)
    server.wall.now += 60
    assert why(server, job) == f"{job} has run attempt 1 for 1m"
    server.order("cancel", job)
    server.wall.now += 3
    assert why(server, job) == f"{job} was cancelled 3s ago: waiting for 1 of 1 nodes"
    agent.sync(quiet=1)
    assert why(server, job) == f"{job} is CANCELLED: cancelled by the user"


def test_why_tells_of_the_pause_before_a_retry(server, executor):
    job = server.new_job(retries={"max": 1, "backoff": "30s"})
    server.cycle()
    agent = Agent(server, executor.desired()["allocations"][0])
    agent.sync()
    agent.end("PROGRAM_FAILED", began=True)
    assert why(server, job) == f"{job} starts attempt 2 in 30s"


def test_why_tells_that_a_running_job_is_being_stopped_for_its_time(server, executor):
    job = server.new_job(timeouts={"run": "1m"})
    server.cycle()
    agent = Agent(server, executor.desired()["allocations"][0])
    agent.sync(attempt=1, started=1)
    server.wall.now += 61
    server.cycle()
    stopped = "which is being stopped: the job ran longer than timeouts.run"
    assert why(server, job) == f"{job} has run attempt 1 for 1m1s, {stopped}"


# --- showing -------------------------------------------------------------------------------------


def test_a_jobs_nodes_have_names_and_ranks(server, executor):
    job = server.new_job(resources={"workers": 8})
    server.cycle()
    nodes = server.show(job)["nodes"]
    assert {node["host"] for node in nodes} == {"host-of-n1", "host-of-n2"}
    assert [node["ranks"] for node in nodes] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_failed_attempt_is_shown_with_its_words_and_the_exits_of_its_ranks(server, agent, job):
    exits = [
        {"rank": 0, "code": 1, "tail": "ValueError"},
        {"rank": 1, "code": -15, "stopped": True},
    ]
    agent.end("PROGRAM_FAILED", words="rank 0 failed", first_failing=0, exits=exits)
    shown = server.show(job)
    assert (shown["state"], shown["reason"]) == ("FAILED", "rank 0 failed")
    (attempt,) = shown["attempts"]
    assert (attempt["ending"], attempt["first_failing"]) == ("PROGRAM_FAILED", 0)
    assert [(e["code"], e["stopped"], e["tail"]) for e in attempt["exits"]] == [
        (1, False, "ValueError"),
        (-15, True, ""),
    ]


def test_halves_of_surrogate_pairs_in_an_agents_words_come_back_as_they_went(server, agent, job):
    exits = [{"rank": 0, "code": 1, "tail": "caf\udce9"}]
    agent.end("PROGRAM_FAILED", words="rank 0 failed", first_failing=0, exits=exits)
    assert server.show(job)["attempts"][0]["exits"][0]["tail"] == "caf\udce9"


@pytest.mark.parametrize("times", [(0.0, 5e-324), (0.0, float("inf")), (float("nan"), 1.0)])
def test_a_rank_whose_clock_makes_no_sense_has_no_speed(server, agent, job, times):
    (offset,) = agent.points(1, at=times[0])
    agent.points(10**18, at=times[1], offset=offset)
    for shown in (server.show(job), server.get("/jobs")["jobs"][0]):
        assert shown["progress"]["step"] == 10**18
        assert not shown["progress"]["steps_per_s"]


def test_speed_and_time_left_come_from_the_reports_of_the_newest_attempt(server, agent, job):
    lines = [
        b'{"t": 100.0, "k": "m", "step": 0, "n": 50, "m": {}}\n',
        b'{"t": 110.0, "k": "m", "step": 20, "n": 50, "m": {}}\n',
    ]
    agent.append(("spool", 1, 0, 0, b"".join(lines)))
    progress = server.show(job)["progress"]
    assert progress == {"step": 20, "total_steps": 50, "steps_per_s": 2.0, "eta_s": 15.0}


def test_resources_that_were_given_back_stay_given_back(server, executor, agent, job):
    agent.end("FINISHED")
    for _ in range(2):
        executor.report(node("n1"), allocations=[{"id": f"{job}.1", "state": "gone"}])
    with server.store.read() as tx:
        assert jobs.allocation(tx, f"{job}.1").state is AllocationState.GONE
    assert executor.desired()["stop"] == []


def test_jobs_of_another_cluster_are_not_this_executors(server, executor):
    other = Executor(server, "other")
    other.report(node("m1"))
    server.new_job(cluster="other")
    server.cycle()
    assert executor.desired()["allocations"] == []
    assert len(other.desired()["allocations"]) == 1
