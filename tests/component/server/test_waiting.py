"""Jobs that are held, wait for others, or are elements of an array, over the API."""

import pytest
from players import Agent

from launcher.scheduler.state import Placement
from launcher.store import arrays


@pytest.fixture
def order(server):
    """What is ordered of several jobs: outcomes as (job, state) and problems."""

    def order(verb, *names, **more):
        reply = server.ask("POST", f"/queue/{verb}", data={"jobs": names, "user": "bob", **more})
        assert reply.status == 200, reply.body
        outcomes = reply.json()["outcomes"]
        return {one["job"]: one["problem"] or one["state"] for one in outcomes}

    return order


@pytest.fixture
def why(server):
    return lambda job: server.get(f"/jobs/{job}/why")["text"]


def told(server, job, kind):
    events = server.get(f"/jobs/{job}/events")["events"]
    return [event["text"] for event in events if event["kind"] == kind]


def states(server, *names):
    return [server.show(job)["state"] for job in names]


def elements(server, array):
    with server.store.read() as tx:
        return arrays.elements(tx, array)


# --- holds ---------------------------------------------------------------------------------------


def test_a_held_job_is_not_granted_until_it_is_released(server, executor, order, why):
    job = server.new_job()
    assert order("hold", job) == {job: "HELD"}
    server.cycle()
    server.wall.now += 65
    assert why(job) == f"{job} was held by bob 1m5s ago; launcher release {job} lets it go on"
    assert order("release", job) == {job: "QUEUED"}
    assert told(server, job, "released") == ["released by bob"]
    server.cycle()
    assert states(server, job) == ["STARTING"]


def test_a_job_is_submitted_held(server):
    data = {"spec": {"framework": "command", "entrypoint": ["true"]}, "user": "ada", "hold": True}
    job = server.ask("POST", "/jobs", data=data).json()
    assert (job["state"], job["reason"]) == ("HELD", "held by ada")


def test_of_several_each_is_told_and_those_that_run_are_not_held(server, agent, order):
    agent.sync(attempt=1, started=1)
    job = server.new_job()
    assert order("hold", agent.job, job) == {
        agent.job: f"job '{agent.job}' is RUNNING: only one that waits is held",
        job: "HELD",
    }
    server.order("cancel", job)
    assert order("release", job) == {job: f"job '{job}' has ended: CANCELLED"}


def test_one_wrong_name_among_several_and_nothing_is_done(server):
    job = server.new_job()
    data = {"jobs": [job, "nobody", "none"]}
    reply = server.ask("POST", "/queue/cancel", data=data)
    assert (reply.status, reply.error) == (404, "no job 'nobody'\nno job 'none'")
    assert states(server, job) == ["QUEUED"]


def test_those_that_wait_or_run_are_listed_by_state_project_and_user(server, order):
    made = [server.new_job(project=project) for project in ("vision", "vision", "text")]
    order("hold", made[1])
    order("cancel", made[2])

    def listed(**query):
        return [job["id"] for job in server.get("/queue", **query)["jobs"]]

    assert sorted(listed()) == sorted(made[:2])
    assert listed(state="HELD") == [made[1]]
    assert listed(project="text") == []
    assert sorted(listed(user="ada")) == sorted(made[:2])
    assert listed(user="bob") == []


# --- after ---------------------------------------------------------------------------------------


def ended(agent, ending="FINISHED"):
    agent.sync(attempt=1, started=1)
    agent.end(ending)


def test_a_job_starts_after_another_has_succeeded(server, agent, why):
    job = server.new_job(after=agent.job)
    server.cycle()
    assert why(job) == f"{job} waits for {agent.job} to succeed"
    assert server.show(job)["spec"]["after"] == [agent.job]
    server.wall.now += 100
    ended(agent)
    assert told(server, job, "after") == [f"{agent.job} has ended: nothing else is waited for"]
    server.wall.now += 5
    assert "has waited for 5s" in why(job)


def test_a_job_whose_other_failed_is_cancelled_and_so_is_who_waits_for_it(server, agent):
    second = server.new_job(after=agent.job)
    third = server.new_job(after=[second])
    whatever = server.new_job(after=f"{second}:any")
    ended(agent, "PROGRAM_FAILED")
    assert states(server, second, third, whatever) == ["CANCELLED", "CANCELLED", "QUEUED"]
    assert server.show(second)["reason"] == f"{agent.job} was to succeed before, and it failed"
    [text] = told(server, agent.job, "after")
    assert text == f"cancelled with it, for they were to start after it: {second}"


def test_an_other_that_is_tried_again_is_waited_for(server, agent):
    job = server.new_job(after=agent.job)
    ended(agent, "WORKER_LOST")
    assert states(server, agent.job, job) == ["STARTING", "QUEUED"]


def test_when_both_are_retried_the_one_waits_for_the_other_again(server, agent, why):
    job = server.new_job(after=agent.job)
    ended(agent, "PROGRAM_FAILED")
    reply = server.order("retry", job)
    assert (reply.status, reply.error) == (
        409,
        f"job '{job}' starts after {agent.job}, which cannot succeed any more: it failed",
    )
    assert server.order("retry", agent.job).status == 200
    assert server.order("retry", job).status == 200
    assert why(job) == f"{job} waits for {agent.job} to succeed"
    server.order("cancel", agent.job)
    assert states(server, job) == ["CANCELLED"]


def test_what_has_happened_already_is_not_waited_for(server, agent):
    ended(agent)
    job = server.new_job(after=[agent.job, f"{agent.job}:any"])
    with server.store.read() as tx:
        assert server.control.get(tx, job).is_eligible


def test_a_job_after_one_that_cannot_succeed_any_more_is_refused(server):
    other = server.new_job()
    server.order("cancel", other)
    reply = server.submit(after=other)
    assert (reply.status, reply.error) == (
        422,
        f"after: {other} cannot succeed any more: it was cancelled",
    )
    assert reply.json()["hint"] == f"{other}:any waits for its end, however it ends"
    assert server.submit(after=f"{other}:any").status == 201


def test_all_names_after_which_nothing_can_start_are_told(server):
    job = server.new_job()
    wrong = job[:-1] + "?"
    reply = server.submit(after=[wrong.replace("?", "0"), "nobody"])
    assert f"no job '{wrong.replace('?', '0')}'; did you mean {job}" in reply.error
    assert "after: no job 'nobody'" in reply.error


def test_names_are_resolved_at_the_submit(server):
    job = server.new_job()
    second = server.submit(after=job.rpartition("-")[2]).json()
    assert second["spec"]["after"] == [job]


def test_a_chain_is_cancelled_at_once(server):
    first = previous = server.new_job()
    chain = []
    for _ in range(40):
        previous = server.new_job(after=previous)
        chain.append(previous)
    server.order("cancel", first)
    assert set(states(server, *chain)) == {"CANCELLED"}


def test_nothing_is_granted_to_a_job_that_waits_for_another(server, executor):
    first = server.new_job()
    job = server.new_job(after=first)
    server.control.grant([Placement(job, "local", (("n1", 2),))])
    assert states(server, job) == ["QUEUED"]


def test_a_job_that_waits_goes_without_a_trace_when_it_is_removed(server, agent):
    job = server.new_job(after=f"{agent.job}:any")
    server.order("cancel", job)
    assert server.ask("DELETE", f"/jobs/{job}").status == 200
    ended(agent)
    with server.store.read() as tx:
        assert arrays.awaited(tx, [agent.job]) == []


# --- arrays --------------------------------------------------------------------------------------


@pytest.fixture
def sweep(server):
    return lambda array="0-3", **spec: server.submit(array=array, **spec).json()["array_id"]


def eligible(server, array):
    with server.store.read() as tx:
        found = [server.control.get(tx, job) for job in arrays.elements(tx, array)]
    return [job.array_index for job in found if job.is_eligible]


def test_an_array_is_a_job_for_each_index(server, sweep):
    array = sweep("0,3,7")
    assert elements(server, array) == [f"{array}-0", f"{array}-3", f"{array}-7"]
    job = server.show(f"{array}-3")
    assert (job["array_id"], job["array_index"], job["array_count"]) == (array, 3, 3)
    assert job["spec"]["array"] == "3"


def test_the_same_key_gives_the_same_array_again(server):
    first, again = server.submit(key="k", array="0-4"), server.submit(key="k", array="0-4")
    assert (first.status, again.status) == (201, 200)
    assert first.json()["array_id"] == again.json()["array_id"]
    assert len(server.get("/jobs")["jobs"]) == 5


def test_an_array_is_meant_by_its_id_its_beginning_and_its_random_part(server, sweep, order):
    array = sweep("1,10-12")
    stem, _, random_part = array.rpartition("-")
    for name in (array, stem, random_part, random_part[:4]):
        assert set(order("hold", name)) == set(elements(server, array)), name
    assert set(order("release", f"{array}-1")) == {f"{array}-1"}
    assert server.show(f"{random_part}-11")["id"] == f"{array}-11"


def test_where_one_job_is_needed_an_array_is_refused_in_words(server, sweep):
    array = sweep("0-20")
    reply = server.ask("GET", f"/jobs/{array}/why")
    assert (reply.status, reply.error) == (409, f"'{array}' is an array of 21 jobs")
    assert reply.json()["hint"] == (
        f"name one of them, as {array}-0; launcher list --elements shows all"
    )


def test_at_most_so_many_of_an_array_are_in_the_queue_at_once(server, sweep, order, why):
    array = sweep("0-9%2")
    assert eligible(server, array) == [0, 1]
    assert why(f"{array}-5") == f"{array}-5 waits for its turn: 2 of {array} at once"
    server.order("cancel", f"{array}-0")
    assert eligible(server, array) == [1, 2]
    order("hold", f"{array}-1")
    assert eligible(server, array) == [2, 3]
    order("release", f"{array}-1")
    assert eligible(server, array) == [2, 3]
    server.order("cancel", f"{array}-2")
    assert eligible(server, array) == [1, 3]
    server.order("retry", f"{array}-0")
    order("cancel", f"{array}-1", f"{array}-3")
    assert eligible(server, array) == [0, 4]


def test_a_whole_array_with_a_limit_is_cancelled_held_and_released(server, sweep, order):
    array = sweep("0-9%2")
    order("hold", array)
    assert eligible(server, array) == []
    order("release", array)
    assert eligible(server, array) == [0, 1]
    assert set(order("cancel", array).values()) == {"CANCELLED"}


def test_a_job_waits_for_all_elements_of_an_array(server, sweep):
    array = sweep("0-2")
    job, whatever = server.new_job(after=array), server.new_job(after=f"{array}:any")
    server.order("cancel", f"{array}-1")
    assert states(server, job, whatever) == ["CANCELLED", "QUEUED"]
    assert server.show(job)["reason"] == (
        f"{array} was to succeed before, and 1 of its 3 jobs was cancelled"
    )
    with server.store.read() as tx:
        assert not server.control.get(tx, whatever).is_eligible
    server.order("cancel", f"{array}-0")
    server.order("cancel", f"{array}-2")
    with server.store.read() as tx:
        assert server.control.get(tx, whatever).is_eligible


def test_an_element_finds_its_index_in_its_launch(server, executor, sweep):
    array = sweep("7-8", resources={"workers": 1})
    server.cycle()
    wanted = executor.desired()["allocations"]
    launches = [
        Agent(server, one).ask("GET", f"/setup/{one['id']}").json()["launch"] for one in wanted
    ]
    found = {(one["array_id"], one["array_index"], one["array_count"]) for one in launches}
    assert found == {(array, 7, 2), (array, 8, 2)}


def test_a_folded_list_has_one_entry_for_an_array(server, sweep, order):
    array = sweep("0-9%2")
    server.wall.now += 1
    job = server.new_job()
    order("hold", f"{array}-9")
    first, second = server.get("/jobs", fold=1)["jobs"]
    assert (first["id"], first["elements"]) == (job, {})
    assert (second["array_id"], second["elements"]) == (array, {"QUEUED": 9, "HELD": 1})
    assert len(server.get("/jobs", fold=1, limit=1)["jobs"]) == 1
    assert len(server.get("/jobs")["jobs"]) == 11


def test_an_array_whose_jobs_have_ended_is_removed_as_a_whole(server, sweep, order):
    array = sweep("0-4")
    assert server.ask("DELETE", f"/jobs/{array}").status == 409
    order("cancel", array)
    removed = server.ask("DELETE", f"/jobs/{array}").json()["jobs"]
    assert [job["id"] for job in removed] == [f"{array}-{index}" for index in range(5)]
    assert server.get("/jobs")["jobs"] == []


# --- not before ----------------------------------------------------------------------------------


def test_a_job_with_a_moment_starts_then_and_waits_in_the_queue_from_then(server, executor, why):
    job = server.new_job(not_before="2h", timeouts={"queue": "1m"})
    server.cycle()
    assert why(job).endswith("UTC at the earliest, in 2h")
    server.wall.now += 7200
    server.cycle()
    assert states(server, job) == ["STARTING"]
