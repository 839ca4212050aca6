"""POST /plan: what a submit would come to, in words, nodes and variables; and nothing of it."""

import pytest
from players import SPEC, Agent, Executor, node

from launcher.scheduler.state import ClusterView, NodeView


@pytest.fixture
def plan(server):
    """The plan of a spec, by the API."""

    def plan(*, key=None, python=None, **spec):
        headers = {"Idempotency-Key": key} if key else {}
        data = {"spec": SPEC | spec, "user": "ada", "python": python}
        reply = server.ask("POST", "/plan", headers=headers, data=data)
        assert reply.status == 200, reply.body
        return reply.json()

    return plan


def refused(server, **spec):
    reply = server.ask("POST", "/plan", data={"spec": SPEC | spec, "user": "ada"})
    assert reply.status >= 400, reply.body
    return reply.status, reply.error


def gpu_node(name, gpus=4):
    one = node(name)
    amounts = {"CPU": 4.0, "GPU": float(gpus)}
    return one | {"total": amounts, "free": amounts, "address": f"10.0.0.{name[-1]}"}


def running(server, executor, **spec):
    """A job that holds its resources; its agent."""
    job = server.new_job(**spec)
    server.cycle()
    wanted = [one for one in executor.desired()["allocations"] if one["job_id"] == job]
    agent = Agent(server, wanted[0])
    agent.sync(attempt=1, started=1)
    return agent


# --- would it start ------------------------------------------------------------------------------


def test_a_job_that_has_a_place_starts_on_the_nodes_where_it_then_runs(server, executor, plan):
    wanted = {"resources": {"workers": 6}}
    told = plan(**wanted)
    assert (told["outcome"], told["placed"]) == ("now", "now")
    assert told["text"] == "would start now on 2 nodes of cluster local"
    assert [one["ranks"] for one in told["nodes"]] == [[0, 1, 2], [3, 4, 5]]
    job = server.new_job(**wanted)
    server.cycle()
    assert [(one["node_id"], one["ranks"]) for one in server.show(job)["nodes"]] == [
        (one["node_id"], one["ranks"]) for one in told["nodes"]
    ]


def seen(server):
    """What anybody may look at, but how long ago the executor spoke: that is of another clock."""
    occupancy = server.get("/occupancy")
    for cluster in occupancy["clusters"]:
        del cluster["silent_s"]
    return server.get("/jobs"), occupancy


def test_nothing_is_kept_of_a_plan_and_nobody_is_told_of_it(server, executor, plan):
    held = running(server, executor, resources={"workers": 8})
    waits = server.new_job(name="wide", resources={"workers": 8})
    server.cycle()
    before = seen(server)
    version = executor.desired()["version"]
    told = plan(priority=90, resources={"workers": 4})
    assert told["position"] == 1
    assert seen(server) == before
    server.cycle()
    assert executor.desired()["version"] == version
    assert server.show(held.job)["state"] == "RUNNING"
    assert "needs 8 CPUs" in server.get(f"/jobs/{waits}/why")["text"]
    assert server.get("/projects")["projects"][0]["now"]["queued"] == 1


def test_a_job_without_a_place_waits_and_is_told_when_and_where_it_goes_then(
    server, executor, plan
):
    held = running(server, executor, resources={"workers": 8}, timeouts={"run": "40m"})
    told = plan(resources={"workers": 4, "placement": "single_node"})
    assert (told["outcome"], told["placed"], told["position"]) == ("waits", "later", 1)
    assert told["text"].startswith("would wait: needs 4 CPUs, 0 are free (")
    assert f"starts when {held.job} ends, in about 40m; 1st in the queue" in told["text"]
    assert told["starts_at"] == pytest.approx(server.wall.now + 2400)
    assert [one["ranks"] for one in told["nodes"]] == [[0, 1, 2, 3]]


def test_a_job_in_the_middle_of_the_queue_has_its_place_and_lies_as_if_all_was_empty(
    server, executor, plan
):
    running(server, executor, resources={"workers": 8}, timeouts={"run": "1h"})
    first = server.new_job(name="first", timeouts={"run": "1h"}, resources={"workers": 8})
    server.wall.now += 1
    told = plan(resources={"workers": 8})
    assert (told["position"], told["placed"]) == (2, "empty")
    assert told["text"] == (
        f"would wait: waits behind {first}, which needs 8 CPUs and starts when "
        f"{server.get('/jobs')['jobs'][-1]['id']} ends, in about 60m; 2nd in the queue"
    )
    assert told["starts_at"] == pytest.approx(server.wall.now + 7200)
    assert len(told["nodes"]) == 2


def test_whom_it_would_preempt_is_named(server, executor, plan):
    agent = running(server, executor, preemptible=True, priority=10, resources={"workers": 8})
    server.wall.now += 600
    agent.commit(5, {"model.pt": b"m"})
    told = plan(resources={"workers": 8})
    assert told["preempts"] == [agent.job]
    assert told["text"] == f"would preempt {agent.job}, and start when it has saved"
    assert (told["outcome"], told["placed"]) == ("waits", "later")
    assert server.show(agent.job)["state"] == "RUNNING"
    server.cycle()
    assert server.show(agent.job)["attempts"][0]["ending"] is None


def test_a_gang_that_fits_nowhere_can_never_run_in_the_words_of_a_submit(server, executor, plan):
    wanted = {"resources": {"workers": 100}}
    told, reply = plan(**wanted), server.submit(**wanted)
    assert (told["outcome"], told["nodes"], told["environment"]) == ("never", [], {})
    assert told["text"] == f"can never run: {reply.error}"
    assert told["hint"] == reply.json()["hint"]


def test_a_gang_larger_than_its_projects_quota_can_never_run(server, executor, plan):
    server.ask("PUT", "/projects/vision", data={"cpus": 2})
    wanted = {"project": "vision", "resources": {"workers": 4}}
    told, reply = plan(**wanted), server.submit(**wanted)
    assert reply.status == 422
    assert (told["outcome"], told["text"]) == ("never", f"can never run: {reply.error}")
    assert "preemptible: true" in told["hint"]


def test_before_any_cluster_is_up_it_waits_for_one(server, plan):
    told = plan()
    assert (told["text"], told["placed"]) == (
        "would wait: no cluster is up yet; 1st in the queue",
        "",
    )
    assert told["environment"] == {}


def test_of_the_embedded_cluster_that_is_being_started_it_is_told_what_it_will_have(
    server, plan, monkeypatch
):
    has = {"CPU": 8.0, "GPU": 1.0, "object_store_memory": 1.0}
    view = ClusterView("local", (NodeView("local", "local", "laptop", has, has),))
    monkeypatch.setattr(server.control.floor, "_expected", view)
    told = plan(framework="pytorch", entrypoint="train.py", resources={"workers": 1})
    assert told["text"] == (
        "would wait: no cluster is up yet; cluster local is being started and will have 1 GPU, "
        "8 CPUs; 1st in the queue"
    )
    assert [one["host"] for one in told["nodes"]] == ["laptop"]
    assert told["environment"]["MASTER_ADDR"] == "<address of node 0>"


# --- what keeps it back beside resources ---------------------------------------------------------


def test_what_waits_for_another_job_or_a_moment_is_told_what_would_come_then(
    server, executor, plan
):
    other = server.new_job()
    told = plan(after=other, resources={"workers": 1})
    assert told["outcome"] == "waits"
    assert told["text"] == (
        f"would wait for {other} to succeed; without that it would start now on 1 node of "
        "cluster local"
    )
    later = plan(not_before="2h")
    assert later["text"].startswith("would wait: it starts at 2023-11-15 00:13 UTC at the earliest")
    assert later["text"].endswith(
        "in 2h; without that it would start now on 1 node of cluster local"
    )


def test_of_an_array_the_first_element_is_planned(server, executor, plan):
    told = plan(array="3-9%4")
    assert told["remarks"][0] == (
        "an array of 7 jobs, at most 4 at once; this is the plan of the one with index 3"
    )
    env = told["environment"]
    assert {name: env[name] for name in env if "ARRAY" in name} == {
        "LAUNCHER_ARRAY_ID": "<array id>",
        "LAUNCHER_ARRAY_INDEX": "3",
        "LAUNCHER_ARRAY_COUNT": "7",
    }
    assert env["LAUNCHER_JOB_ID"] == "<array id>-3"


def test_a_key_that_was_used_starts_nothing(server, executor, plan):
    job = server.new_job(key="k1")
    told = plan(key="k1")
    assert (told["outcome"], told["nodes"]) == ("submitted", [])
    assert told["text"] == f"would start nothing: key 'k1' was submitted before, its job is {job}"
    assert plan(key="k2")["outcome"] == "now"


@pytest.mark.parametrize(
    "spec",
    [
        {"secrets": ["KEY"]},
        {"after": "nobody"},
        {"from_job": "nobody"},
        {"retires": 3},
        {"in_place": True, "workdir": "/nowhere"},
    ],
)
def test_what_a_submit_refuses_is_refused_in_the_same_words(server, executor, spec):
    reply = server.submit(**spec)
    assert refused(server, **spec) == (reply.status, reply.error)


def test_a_full_queue_of_the_project_is_told(server, executor):
    server.ask("PUT", "/projects/default", data={"queued": 0})
    status, error = refused(server)
    assert status == 409
    assert "its quota lets 0 wait" in error


# --- the environment -----------------------------------------------------------------------------


def test_rank_0_finds_what_its_framework_the_launcher_and_its_author_give(server, plan):
    Executor(server).report(gpu_node("n1"), gpu_node("n2"))
    data = {"value": "s3cret", "project": "", "user": "ada"}
    assert server.ask("PUT", "/secrets/WANDB_API_KEY", data=data).status in {200, 201}
    told = plan(
        framework="pytorch",
        entrypoint="train.py",
        env={"LR": "0.1", "OMP_NUM_THREADS": "3"},
        secrets=["WANDB_API_KEY"],
        resources={"workers": 4, "gpus_per_worker": 2},
        retries={"max": 3},
    )
    assert [one["gpus"] for one in told["nodes"]] == [4, 4]
    first = told["nodes"][0]["node_id"]
    assert told["environment"] == {
        "CUDA_VISIBLE_DEVICES": "<GPU>,<GPU>,<GPU>,<GPU>",
        "GLOO_SOCKET_IFNAME": "<interface>",
        "GROUP_RANK": "0",
        "GROUP_WORLD_SIZE": "2",
        "LAUNCHER_ALLOCATION": "<job id>.1",
        "LAUNCHER_ATTEMPT": "1",
        "LAUNCHER_CHECKPOINT_DIR": "<job folder>/attempts/1/checkpoints",
        "LAUNCHER_JOB_ID": "<job id>",
        "LAUNCHER_SPOOL": "<job folder>/attempts/1/rank-0.spool",
        "LOCAL_RANK": "0",
        "LOCAL_WORLD_SIZE": "2",
        "LR": "0.1",
        "MASTER_ADDR": f"10.0.0.{first[-1]}",
        "MASTER_PORT": "<port>",
        "MPLBACKEND": "Agg",
        "NCCL_SOCKET_IFNAME": "<interface>",
        "NODE_RANK": "0",
        "OMP_NUM_THREADS": "3",
        "PYTHONPATH": "<node's PYTHONPATH>:<launcher's folder>",
        "PYTHONUNBUFFERED": "1",
        "RANK": "0",
        "ROLE_NAME": "default",
        "ROLE_RANK": "0",
        "ROLE_WORLD_SIZE": "4",
        "TORCHELASTIC_ERROR_FILE": "<job folder>/attempts/1/rank-0.error",
        "TORCHELASTIC_MAX_RESTARTS": "3",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "TORCHELASTIC_RUN_ID": "<job id>",
        "TORCHELASTIC_USE_AGENT_STORE": "False",
        "TORCH_NCCL_ASYNC_ERROR_HANDLING": "1",
        "WANDB_API_KEY": "<secret>",
        "WORLD_SIZE": "4",
    }
    assert "s3cret" not in str(told)


def test_gpus_that_the_spec_does_not_name_are_decided_and_told(server, plan):
    Executor(server).report(gpu_node("n1"))
    told = plan(framework="pytorch", entrypoint="train.py")
    assert told["spec"]["resources"]["gpus_per_worker"] == 1
    assert told["remarks"] == [
        "resources.gpus_per_worker is not written; it is 1, for there are GPUs"
    ]
    assert told["environment"]["CUDA_VISIBLE_DEVICES"] == "<GPU>,<GPU>"


def test_workers_of_one_process_have_the_gpus_of_all(server, plan):
    Executor(server).report(gpu_node("n1"))
    told = plan(framework="tensorflow", entrypoint="train.py", resources={"workers": 4})
    assert [(one["ranks"], one["gpus"]) for one in told["nodes"]] == [([0], 4)]
    assert told["environment"]["CUDA_VISIBLE_DEVICES"].count("<GPU>") == 4
    assert told["environment"]["WORLD_SIZE"] == "1"


def test_ports_of_all_ranks_are_placeholders_in_what_the_framework_writes(server, executor, plan):
    told = plan(
        framework="tensorflow",
        entrypoint="train.py",
        tensorflow={"strategy": "multi_worker_mirrored"},
    )
    assert told["environment"]["TF_CONFIG"] == (
        '{"cluster": {"worker": ["10.0.0.1:<port>", "10.0.0.1:<port>"]}, '
        '"task": {"type": "worker", "index": 0}}'
    )


def test_a_job_that_begins_from_another_finds_its_checkpoint(server, agent, plan):
    agent.sync(attempt=1, started=1)
    committed = agent.commit(7, {"model.pt": b"m"}).json()["committed"]["id"]
    told = plan(from_job=f"{agent.job}@7")
    assert told["environment"]["LAUNCHER_RESUME_FROM"] == f"<job folder>/resume/{committed}"
    assert told["spec"]["from_job"] == f"{agent.job}@7"
