"""Projects: what each may hold, holds and held, and what its quota refuses at submit."""

import pytest
from in_process import until

from launcher.model.project import Project, Usage
from launcher.model.usage import HALF_LIFE_S, held_s
from launcher.server.notify import SCHEDULE
from launcher.store import projects, usage

HOUR = 3600.0
GPUS = {"workers": 8, "gpus_per_worker": 4}


def put(server, project="vision", **values):
    reply = server.ask("PUT", f"/projects/{project}", data=values)
    assert reply.status == 200, reply.body
    return by_name(reply)


def by_name(reply):
    return {one["name"]: one for one in reply.json()["projects"]}


def shown(server):
    return by_name(server.ask("GET", "/projects"))


def refused(server, **spec):
    reply = server.submit(**({"project": "vision"} | spec))
    assert reply.status in {409, 422}
    return reply.status, reply.error, reply.json()["hint"]


def test_a_project_needs_no_set_up(server):
    assert shown(server) == {}
    server.new_job(project="vision")
    one = shown(server)["vision"]
    assert one["weight"] == 1
    assert set(one["quota"].values()) == {None}
    assert one["now"] == {"gpus": 0, "cpus": 0, "running": 0, "queued": 1}


def test_a_project_is_there_as_soon_as_a_role_or_a_rule_names_it(server):
    server.ask("POST", "/users", data={"name": "ada", "project": "vision"})
    server.ask("PUT", "/projects/interns/clusters/*", data={"allowed": False})
    server.ask("PUT", "/projects/*/clusters/gpu", data={"allowed": False})
    assert set(shown(server)) == {"vision", "interns"}


def test_what_is_not_named_stays_and_null_takes_a_limit_away(server):
    put(server, gpus=16, running=10)
    assert put(server, weight=2)["vision"]["quota"]["gpus"] == 16
    found = put(server, gpus=None)["vision"]
    assert found["quota"] == {"gpus": None, "cpus": None, "running": 10, "queued": None}
    assert found["weight"] == 2


def test_a_project_with_nothing_left_to_say_of_is_as_one_that_nobody_set_up(server):
    put(server, gpus=16)
    assert put(server, gpus=None) == {}
    put(server, gpus=16, weight=3, queued=0)
    assert by_name(server.ask("DELETE", "/projects/vision")) == {}
    with server.store.read() as tx:
        assert projects.get(tx, "vision") == Project("vision")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"gpus": -1}, "gpus: input should be greater than or equal to 0, found -1"),
        ({"running": 1.5}, "running: input should be a valid integer, found 1.5"),
        ({"queued": 2**63}, "queued: input should be less than or equal to 9223372036854775807"),
        ({"weight": 0}, "weight: input should be greater than 0, found 0"),
        ({"weight": None}, "weight: input should be a valid number"),
    ],
)
def test_a_quota_that_cannot_be_is_refused_in_words(server, values, said):
    reply = server.ask("PUT", "/projects/vision", data=values)
    assert reply.status == 422
    assert reply.error.startswith(said)


def test_the_name_of_a_project_is_one(server):
    assert server.ask("PUT", "/projects/My_Project", data={"gpus": 1}).status == 422


def test_a_changed_quota_wakes_the_scheduler(server):
    with server.control.notifier.listen(SCHEDULE) as changes:
        put(server, gpus=16)
        until(changes._event.is_set, "a word to the scheduler")


# --- at submit -----------------------------------------------------------------------------------


def test_one_more_than_may_wait_is_refused_with_what_to_do(server):
    put(server, queued=2)
    for _ in range(2):
        server.new_job(project="vision")
    status, error, hint = refused(server)
    assert status == 409
    assert error == "project 'vision' has 2 jobs in the queue: its quota lets 2 wait"
    assert "launcher list --state queued --project vision shows them" in hint
    assert "launcher quota set vision --queued 3" in hint
    server.new_job(project="other")


def test_an_array_counts_with_all_its_elements(server):
    put(server, queued=3)
    server.new_job(project="vision")
    status, error, hint = refused(server, array="0-2")
    assert status == 409
    assert "has 1 job in the queue, and this would be 3 more: its quota lets 3 wait" in error
    assert hint.endswith("--queued 4")
    assert shown(server)["vision"]["now"]["queued"] == 1


def test_the_same_key_again_is_no_further_job_of_the_queue(server):
    put(server, queued=1)
    first = server.submit(key="k", project="vision")
    again = server.submit(key="k", project="vision")
    assert (first.status, again.status) == (201, 200)


def test_a_job_that_runs_has_left_the_queue(server, executor):
    put(server, queued=1)
    server.new_job(project="vision")
    server.cycle()
    server.new_job(project="vision")


def test_a_gang_that_is_larger_than_its_quota_is_refused_by_all_its_workers(server):
    put(server, gpus=16)
    status, error, hint = refused(server, resources=GPUS)
    assert status == 422
    needs = "32 GPUs (8 workers \N{MULTIPLICATION SIGN} 4 GPUs)"
    assert error == f"needs {needs}; project 'vision' may hold 16 GPUs at once"
    assert hint.startswith("lower resources.workers (now 8), or write preemptible: true")
    assert hint.endswith("launcher quota set vision --gpus 32")


def test_everything_that_is_over_the_quota_is_told_at_once(server):
    put(server, gpus=0, cpus=0.5)
    _, error, hint = refused(server, resources={"workers": 1, "gpus_per_worker": 1})
    assert error == "needs 1 GPU and 1 CPU; project 'vision' may hold 0 GPUs, 0.5 CPUs at once"
    assert hint.endswith("--gpus 1 --cpus 1")


def test_a_preemptible_gang_may_borrow(server):
    put(server, gpus=16)
    job = server.new_job(project="vision", resources=GPUS, preemptible=True)
    assert server.show(job)["preemptible"]


def test_a_gang_as_large_as_its_quota_may_run(server):
    put(server, gpus=32, cpus=8)
    server.new_job(project="vision", resources=GPUS)


# --- what was held -------------------------------------------------------------------------------


def test_what_runs_is_held_now_and_what_ended_is_past(server, agent, job):
    began = server.show(job)["attempts"][0]["granted_at"]
    assert shown(server)["default"]["now"] == {"gpus": 0, "cpus": 2, "running": 1, "queued": 0}
    assert shown(server)["default"]["cpu_s"] == 0
    server.wall.now = began + HOUR
    agent.end()
    found = shown(server)["default"]
    assert found["cpu_s"] == pytest.approx(2 * held_s(0, HOUR))
    assert found["past"] == 1
    server.wall.now += HALF_LIFE_S
    assert shown(server)["default"]["cpu_s"] == pytest.approx(HOUR, rel=0.01)


def test_what_is_on_its_way_back_is_held_and_what_came_back_is_not(server, executor, agent, job):
    agent.end()
    assert shown(server)["default"]["now"] == {"gpus": 0, "cpus": 2, "running": 1, "queued": 0}
    (stopped,) = executor.desired()["stop"]
    gone = {"id": stopped["id"], "state": "gone", "reason": "", "agents": []}
    executor.report(allocations=[gone])
    assert shown(server)["default"]["now"] == {"gpus": 0, "cpus": 0, "running": 0, "queued": 0}


def test_removing_a_job_leaves_what_it_held(server, executor, agent, job):
    server.wall.now += HOUR
    agent.end()
    (stopped,) = executor.desired()["stop"]
    gone = {"id": stopped["id"], "state": "gone", "reason": "", "agents": []}
    executor.report(allocations=[gone])
    before = shown(server)["default"]
    assert before["cpu_s"] > 0
    assert before["now"]["running"] == 0
    assert server.ask("DELETE", f"/jobs/{job}").status == 200
    assert shown(server)["default"] == before


def test_the_past_is_shared_by_the_resource_of_which_each_had_most(server, executor):
    now = server.wall.now
    with server.store.begin() as tx:  # of 8 CPUs; there is no GPU, so those count nothing
        usage.add(tx, Usage("vision", "ada", 99.0, 300.0, now))
        usage.add(tx, Usage("vision", "bob", 0.0, 300.0, now))
        usage.add(tx, Usage("speech", "cyd", 0.0, 200.0, now))
    assert {name: one["past"] for name, one in shown(server).items()} == pytest.approx(
        {"vision": 0.75, "speech": 0.25}
    )
