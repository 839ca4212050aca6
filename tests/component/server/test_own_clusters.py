"""Jobs that get Ray clusters of their own: RayJobs on a Kubernetes that is played."""

import threading

import pytest
from in_process import until
from play_kubernetes import Gke, attach
from players import Executor

from launcher.model.own_cluster import OwnState

# --- submitting ----------------------------------------------------------------------------------


def test_what_kuberay_would_refuse_is_refused_at_submit(gke):
    pod = {"spec": {"containers": [{"name": "ray", "resources": {"limits": {}}}]}}
    assert gke.server.submit(cluster="gke", kubernetes={"pod": pod}).status == 201
    reply = gke.server.submit(cluster="local", image="reg/x")
    assert reply.error == "image: cluster local is none that makes Ray for each job"


def test_a_job_without_an_image_is_refused_where_there_is_none(server, kube):
    attach(server, image="")
    reply = server.submit(cluster="gke")
    assert "was attached without one, and the spec names none" in reply.error


def test_gpus_are_decided_by_what_the_kubernetes_was_attached_with(server, kube):
    attach(server, "cpus", has_gpus=False)
    attach(server, "gpus", has_gpus=True)
    program = {"framework": "pytorch", "entrypoint": "train.py"}
    wants = [
        server.show(server.new_job(cluster=name, **program))["gpus_per_worker"]
        for name in ("cpus", "gpus")
    ]
    assert wants == [0, 1]


def test_a_plan_says_that_a_rayjob_is_made(gke):
    spec = {"framework": "command", "entrypoint": ["true"], "cluster": "gke", "name": "digits"}
    told = gke.server.ask("POST", "/plan", data={"spec": spec, "user": "ada"}).json()
    assert (told["outcome"], told["cluster"]) == ("now", "gke")
    assert told["text"].startswith("would get a RayJob on gke now")
    assert not gke.kube.all("rayjobs")


# --- the life of one -----------------------------------------------------------------------------


def test_a_job_runs_on_a_cluster_of_its_own_and_leaves_nothing(gke):
    job = gke.new_job()
    name = gke.made(job)
    assert gke.state(job) == "QUEUED"
    secret = gke.kube.get("secrets", f"{name}-launcher")
    rayjob = gke.kube.get("rayjobs", name)
    assert secret["metadata"]["ownerReferences"][0]["uid"] == rayjob["metadata"]["uid"]
    executor, agents = gke.granted(job)
    for agent in agents:
        agent.sync(attempt=1, started=1)
    assert gke.state(job) == "RUNNING"
    assert not executor.desired()["over"]
    for agent in agents:
        agent.sync(verdict={"ending": "FINISHED"}, quiet=1, closed="its job is over")
    assert gke.state(job) == "SUCCEEDED"
    executor.report(allocations=[{"id": f"{job}.1", "state": "gone"}])
    until(lambda: executor.desired()["over"], "the word that it is over")
    gke.operator.finish(name)
    until(lambda: gke.own(job) is None, "the end of its cluster")
    assert gke.kube.get("rayjobs", name)  # for who looks with kubectl
    assert [one["name"] for one in gke.server.get("/server")["clusters"]] == []


def test_its_executor_brings_a_token_of_its_own_that_opens_nothing_else(gke, server):
    first, second = gke.new_job(), gke.new_job()
    names = [gke.made(first), gke.made(second)]
    tokens = [gke.kube.get("secrets", f"{name}-launcher")["stringData"]["token"] for name in names]
    hello = Executor(server, "other").hello
    for cluster, status in ((f"gke.{names[0]}", 200), (f"gke.{names[1]}", 401), ("other", 401)):
        data = hello | {"cluster": cluster, "replaces": 1}
        reply = server.ask("POST", "/executor/session", data=data, token=tokens[0])
        assert reply.status == status, cluster
    assert server.ask("GET", "/jobs", token=tokens[0]).status == 401


def test_no_other_job_is_placed_on_it(gke):
    job = gke.new_job()
    gke.up(job)
    other = gke.server.new_job()
    gke.server.cycle()
    assert gke.state(other) == "QUEUED"


def test_a_cancelled_job_saves_first_and_then_its_cluster_goes(gke):
    job = gke.new_job()
    executor, agents = gke.running(job)
    gke.server.order("cancel", job, by="ada")
    assert agents[0].sync()["stop"]
    assert gke.kube.get("rayjobs", f"{job}-1")["metadata"].get("deletionTimestamp") is None
    for agent in agents:
        agent.sync(verdict={"ending": "FINISHED"}, quiet=1, closed="told to")
    assert gke.state(job) == "CANCELLED"
    executor.report(allocations=[{"id": f"{job}.1", "state": "gone"}])
    gke.operator.finish(f"{job}-1")
    until(lambda: gke.own(job) is None, "the end of its cluster")


def test_a_job_that_is_cancelled_before_its_pods_are_up_leaves_at_once(gke):
    job = gke.new_job()
    gke.made(job)
    gke.server.order("cancel", job, by="ada")
    gke.leave(job)
    until(lambda: gke.own(job) is None, "the end of its cluster")
    assert gke.kube.all("rayjobs") == gke.kube.all("secrets") == []


def test_a_failed_attempt_is_tried_again_on_the_same_cluster(gke):
    job = gke.new_job(retries={"max": 1, "backoff": 0})
    _, agents = gke.running(job)
    for agent in agents:
        agent.sync(verdict={"ending": "PROGRAM_FAILED", "began": True}, quiet=1)
    gke.server.cycle()
    assert agents[0].sync()["grant"] == 2
    assert [one["metadata"]["name"] for one in gke.kube.all("rayjobs")] == [f"{job}-1"]


# --- what goes wrong -----------------------------------------------------------------------------


def test_a_rayjob_that_is_deleted_behind_our_back_is_made_anew_once_its_pods_are_gone(gke):
    job = gke.new_job()
    gke.running(job)
    gke.kube.remove("rayjobs", f"{job}-1")  # its pods are still there
    until(lambda: gke.own(job).state is OwnState.LEAVING, "the server to see it")
    assert gke.state(job) == "RUNNING"
    gke.operator.take_away(f"{job}-1")
    gke.await_state(job, "QUEUED")
    assert "its RayJob was deleted; no pod of it is left" in gke.texts(job)[-2]
    _, agents = gke.granted(job, 2)
    assert agents[0].sync()["grant"] == 2


def test_a_worker_pod_that_vanished_costs_an_attempt_and_not_the_cluster(gke):
    job = gke.new_job()
    executor, agents = gke.running(job)
    _, *workers = gke.operator.pods(f"{job}-1")
    name = workers[1]["metadata"]["name"]
    gke.kube.remove("pods", name)
    until(lambda: any(name in text for text in gke.texts(job)), "the loss of the pod")
    agents[0].sync(verdict={"ending": "WORKER_LOST"}, quiet=1)
    assert gke.state(job) == "QUEUED"
    executor.report(allocations=[{"id": f"{job}.1", "state": "gone"}])
    assert gke.own(job).state is OwnState.WANTED
    gke.operator._pod(f"{name}-again", gke.template(job), "worker", "Running")
    gke.report(executor, gke.operator.pods(f"{job}-1"))
    until(lambda: executor.desired()["allocations"], "a grant on the same cluster")


def test_a_container_that_was_killed_for_memory_fails_the_job_in_these_words(gke):
    job = gke.new_job(resources={"workers": 2, "memory_per_worker": "1GiB"})
    _, agents = gke.running(job)
    worker = gke.operator.pods(f"{job}-1")[1]["metadata"]["name"]
    gke.operator.kill_for_memory(worker)
    until(lambda: any("killed for memory" in text for text in gke.texts(job)), "its words")
    for agent in agents:
        agent.sync(verdict={"ending": "WORKER_LOST"}, quiet=1)
    gke.await_state(job, "FAILED")
    assert gke.server.show(job)["reason"] == (
        f"container ray of pod {worker} on node-of-{worker} was killed for memory: its limit is "
        "2147483648"
    )
    assert gke.server.show(job)["attempts"][-1]["ending"] == "OUT_OF_MEMORY"


def test_a_node_that_is_drained_lets_the_gang_save(gke):
    job = gke.new_job()
    _, agents = gke.running(job)
    worker = gke.operator.pods(f"{job}-1")[1]["metadata"]["name"]
    target = {"type": "DisruptionTarget", "status": "True", "message": "node is drained"}

    def drain(pod):
        pod["metadata"]["deletionTimestamp"] = "2026-11-22T00:00:00Z"
        pod["status"]["conditions"] = [target]

    gke.kube.change("pods", worker, drain)
    until(lambda: agents[0].sync()["stop"], "the word to save and stop")
    why = f"Kubernetes takes pod {worker} away: node is drained"
    assert f"leaves its place: {why}" in gke.texts(job)
    for agent in agents:
        agent.sync(verdict={"ending": "FINISHED"}, quiet=1)
    gke.await_state(job, "QUEUED")
    assert gke.server.show(job)["attempts"][-1]["ending"] == "NODE_DRAINED"
    assert gke.server.show(job)["attempts"][-1]["words"] == f"a node was drained: {why}"


def test_a_head_that_is_drained_lets_the_gang_save_and_carries_no_more(gke):
    job = gke.new_job()
    executor, agents = gke.running(job)
    pods = gke.operator.pods(f"{job}-1")
    head = pods[0]["metadata"]["name"]
    leaves = {"deletionTimestamp": "2026-11-22T00:00:00Z"}
    gke.kube.change("pods", head, lambda pod: pod["metadata"].update(leaves))
    until(lambda: agents[0].sync()["stop"], "the word to save and stop")
    for agent in agents:
        agent.sync(verdict={"ending": "FINISHED"}, quiet=1)
    gke.await_state(job, "QUEUED")
    for agent in agents:
        agent.sync(closed="asked to")
    gke.report(executor, pods, allocations=[{"id": f"{job}.1", "state": "gone"}])
    gke.operator.set_pod(head, phase="Failed")
    gke.leave(job)
    until(lambda: gke.own(job) is None, "the end of its cluster")
    gke.granted(job, 2)
    assert [one["number"] for one in gke.server.show(job)["attempts"]] == [1, 2]


def test_a_head_that_ends_takes_its_cluster_along(gke):
    job = gke.new_job()
    gke.running(job)
    head = gke.operator.pods(f"{job}-1")[0]["metadata"]["name"]
    gke.operator.set_pod(head, phase="Failed", reason="Evicted", message="low on memory")
    gke.leave(job)
    gke.await_state(job, "QUEUED")
    assert f"pod {head} was evicted from node-of-{head}: low on memory" in " ".join(gke.texts(job))


def test_an_image_that_cannot_be_pulled_fails_the_job_after_a_while(gke, monkeypatch):
    monkeypatch.setattr("launcher.server.own_rules.PULL_PATIENCE_S", 0.5)
    job = gke.new_job(image="reg/nothing:1")
    name = gke.made(job)
    head = gke.operator.make_pods(name)[0]["metadata"]["name"]
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off: manifest "1" unknown'}
    status = {"name": "ray", "image": "reg/nothing:1", "state": {"waiting": waiting}}
    gke.operator.set_pod(head, containerStatuses=[status])
    words = 'image reg/nothing:1 cannot be pulled: Back-off: manifest "1" unknown'
    until(lambda: words in gke.why(job) or gke.state(job) == "FAILED", "the registry's words")
    gke.await_state(job, "FAILED")
    assert words in gke.server.show(job)["reason"]
    gke.leave(job)


def test_a_rayjob_that_the_operator_refuses_fails_the_job_in_its_words(gke):
    job = gke.new_job()
    name = gke.made(job)
    gke.operator.say(name, jobDeploymentStatus="ValidationFailed", message="the name is too odd")
    gke.await_state(job, "FAILED")
    assert "KubeRay refuses its RayJob: the name is too odd" in gke.server.show(job)["reason"]
    gke.leave(job)


def test_a_pod_without_a_node_is_told_in_the_words_of_kubernetes(gke):
    job = gke.new_job()
    name = gke.made(job)
    worker = gke.operator.make_pods(name)[1]["metadata"]["name"]
    said = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    condition = {"type": "PodScheduled", "status": "False", "message": said}
    gke.operator.set_pod(worker, conditions=[condition])
    words = f"Kubernetes has no node for pod {worker}: {said}"
    until(lambda: words in gke.why(job), words)


def test_a_quota_of_the_namespace_is_waited_for(gke, monkeypatch):
    monkeypatch.setattr("launcher.server.own_clusters.ASK_AGAIN_S", 0.5)
    said = 'rayjobs.ray.io "x" is forbidden: exceeded quota: team, used: 3, limited: 3'
    gke.kube.refuse("POST", "rayjobs", 403, said, reason="Forbidden")
    job = gke.new_job()
    gke.server.cycle()
    until(lambda: "no room for its RayJob" in gke.why(job), "words of the quota")
    gke.made(job)


def test_a_secret_that_is_refused_is_asked_for_again_after_a_pause_and_why_tells_of_it(
    gke, monkeypatch
):
    has_waited = threading.Event()
    clock = lambda: 1e9 if has_waited.is_set() else 0.0  # noqa: E731
    monkeypatch.setattr(gke.server.services.own_clusters.secrets, "_clock", clock)
    said = 'secrets "x" is forbidden: exceeded quota: team, used: 3, limited: 3'
    gke.kube.refuse("POST", "secrets", 403, said, reason="Forbidden")
    job = gke.new_job()
    gke.server.cycle()
    words = "the Secret of its RayJob cannot be made: Kubernetes refuses (403): secrets"
    until(lambda: words in gke.why(job), "words of the refusal")
    own, asks = gke.server.services.own_clusters, ("POST", "secrets", "")
    for _ in range(3):
        own.look("gke")
    assert gke.kube.requests.count(asks) == 1
    has_waited.set()
    gke.made(job)
    assert gke.kube.requests.count(asks) == 2
    until(lambda: "Secret" not in gke.why(job), "the end of the trouble")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('namespaces "default" not found', "its namespace is gone: Kubernetes refuses (404): name"),
        ("the server could not find the requested resource", "KubeRay is not installed there: "),
    ],
)
def test_where_no_rayjob_can_be_made_the_job_waits_and_says_why(gke, message, words):
    gke.kube.refuse("POST", "rayjobs", 404, message, times=9)
    job = gke.new_job()
    gke.server.cycle()
    until(lambda: words in gke.why(job), "words")
    assert gke.state(job) == "QUEUED"


def test_what_kubernetes_finds_wrong_fails_the_job(gke):
    said = 'RayJob in version "v1" cannot be handled: unknown field "spec.sped"'
    gke.kube.refuse("POST", "rayjobs", 400, said, reason="BadRequest")
    job = gke.new_job()
    gke.server.cycle()
    gke.await_state(job, "FAILED")
    assert said in gke.server.show(job)["reason"]


def test_clusters_that_are_lost_again_and_again_end_the_job(gke):
    job = gke.new_job()
    for number in range(1, 8):
        gke.server.wall.now += 1000
        gke.server.cycle()
        if gke.state(job) == "FAILED":
            break
        name = gke.made(job, number)
        gke.operator.say(name, jobDeploymentStatus="Failed", message="the head crashed")
        gke.leave(job, number)
        until(lambda: gke.own(job) is None, "its end")
    assert number == 7
    assert (
        "6 clusters in a row were lost before the program began" in gke.server.show(job)["reason"]
    )


# --- order, restarts, orphans --------------------------------------------------------------------


def test_only_so_many_rayjobs_are_made_as_may_run_in_the_order_of_the_queue(server, kube, operator):
    attach(server, max_jobs=1)
    gke = Gke(server, kube, operator)
    low = gke.new_job(priority=10)
    high = gke.new_job(priority=90)
    gke.made(high)
    server.cycle()
    assert [one["metadata"]["name"] for one in kube.all("rayjobs")] == [f"{high}-1"]
    server.order("cancel", high, by="ada")
    gke.leave(high)
    until(lambda: gke.own(high) is None, "its end")
    gke.made(low)


def test_a_thousand_queued_jobs_cost_no_pod(server, kube):
    attach(server, max_jobs=1)
    array = server.submit(cluster="gke", array="0-999")
    assert array.status == 201
    for _ in range(3):
        server.cycle()
    kube.wait(lambda: kube.all("rayjobs"), "the first RayJob")
    server.cycle()
    assert len(kube.all("rayjobs")) == 1
    assert kube.all("pods") == []


def test_a_projects_quota_counts_there_too(gke):
    gke.server.ask("PUT", "/projects/vision", data={"cpus": 2})
    first = gke.new_job(project="vision")
    gke.made(first)
    second = gke.new_job(project="vision")
    gke.server.cycle()
    assert "project vision is at its quota (2 of 2 CPUs)" in gke.why(second)
    assert gke.own(second) is None


def test_a_server_that_died_before_it_noted_its_rayjob_takes_it_up(gke, monkeypatch):
    monkeypatch.setattr("launcher.server.own_secrets.ASK_AGAIN_S", 0.5)
    gke.kube.refuse("POST", "secrets", 500, "a crash")
    job = gke.new_job()
    gke.server.cycle()
    gke.kube.wait(lambda: gke.kube.all("rayjobs"), "the RayJob")
    own = gke.own(job)
    until(lambda: gke.own(job).uid, "its uid")
    # As if the server had died right after the RayJob was made.
    gke.server.services.own_clusters._set(own.__class__(job, 1, "gke", since=own.since))
    gke.made(job)
    until(lambda: gke.own(job).uid, "its uid again")
    assert len(gke.kube.all("rayjobs")) == 1


def test_a_rayjob_of_somebody_else_under_that_name_is_left_alone(gke):
    job = gke.new_job()
    gke.kube.put(
        "rayjobs", {"metadata": {"name": f"{job}-1", "labels": {"app": "theirs"}}, "spec": {}}
    )
    gke.server.cycle()
    until(lambda: "of somebody else is there" in gke.why(job), "words")
    assert "deletionTimestamp" not in gke.kube.get("rayjobs", f"{job}-1")["metadata"]


def test_kueue_orders_in_place_of_the_server(server, kube, operator):
    attach(
        server, kueue=True, max_jobs=None, queues={"*": "shared"}, priority_classes={"80": "urgent"}
    )
    gke = Gke(server, kube, operator)
    job = gke.new_job(priority=90)
    name = gke.made(job)
    made = kube.get("rayjobs", name)
    assert made["spec"]["suspend"] is True
    labels = made["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/queue-name"] == "shared"
    assert labels["kueue.x-k8s.io/priority-class"] == "urgent"
    said = "couldn't assign flavors to pod set workers: insufficient quota for nvidia.com/gpu"
    reserved = {"type": "QuotaReserved", "status": "False", "message": said}
    owner = {"kind": "RayJob", "name": name, "uid": made["metadata"]["uid"]}
    workload = {"name": f"rayjob-{name}", "ownerReferences": [owner]}
    kube.put("workloads", {"metadata": workload, "status": {"conditions": [reserved]}})
    until(lambda: f"Kueue: {said}" in gke.why(job), "Kueue's words")
