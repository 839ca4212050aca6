"""A Kubernetes that is attached: what is asked of it, and how it is looked after."""

import threading

import pytest
import yaml
from in_process import until
from kube_server import KubeServer
from play_kubernetes import Gke, attach

from launcher.clusters import _kube_api
from launcher.server.own_view import KubernetesView

# --- attaching -----------------------------------------------------------------------------------


def test_attaching_says_what_it_saw(server, kube):
    *steps, done = attach(server)
    assert [step["step"] for step in steps] == [
        f"Kubernetes answers at {kube.url}, and lets this server see RayJobs and pods",
        "pods in namespace default shall reach this server at http://launcher:8080",
    ]
    assert done == {"done": True}


def test_a_kubernetes_without_kuberay_is_refused(server, kube):
    kube.served.remove("rayjobs")
    (told,) = attach(server)
    assert told["error"] == "KubeRay's operator, of 1.5.1 or newer, is not installed there"
    kube.served |= {"rayjobs"}
    kube.refuse("GET", "pods", 403, "pods is forbidden")
    (told,) = attach(server)
    assert told["error"].startswith("this server may not list pods in default: ")
    assert not server.control.books.own.all_attached()


def test_rights_that_would_be_missed_later_are_missed_when_it_is_attached(server, kube):
    kube.denied |= {("delete", "rayjobs"), ("create", "secrets"), ("patch", "rayjobs")}
    (told,) = attach(server)
    assert told["error"] == "this server may not delete rayjobs, create secrets in default"
    assert not server.control.books.own.all_attached()
    kube.refuse("POST", "selfsubjectaccessreviews", 403, "may not even ask")
    assert attach(server)[-1] == {"done": True}


def test_a_namespace_that_is_missing_is_told_when_it_is_attached(server, kube):
    (told,) = attach(server, namespace="nobodys")
    assert told["error"].startswith("there is no namespace nobodys: ")
    assert told["hint"].startswith("kubectl create namespace nobodys")


def test_a_rayjob_is_tried_before_a_job_needs_one(server, kube):
    old = 'strict decoding error: unknown field "spec.rayClusterSpec.authOptions"'
    kube.refuse("POST", "rayjobs", 400, old, reason="BadRequest")
    (told,) = attach(server)
    assert told["error"].startswith("KubeRay's operator, of 1.5.1 or newer, is not installed there")
    assert old in told["error"]
    kube.refuse("POST", "rayjobs", 403, "admission webhook: no image without a digest")
    _, remark, *_, done = attach(server)
    assert "tried, and is refused now: Kubernetes refuses (403): admission" in remark["step"]
    assert done == {"done": True}
    assert kube.all("rayjobs") == []


def test_pods_of_jobs_are_not_made_beside_the_servers_own(server, kube, tmp_path, monkeypatch):
    (tmp_path / "token").write_text("of the server's pod")
    (tmp_path / "namespace").write_text("launcher\n")
    monkeypatch.setattr(_kube_api, "_IN_CLUSTER", tmp_path / "token")
    monkeypatch.delenv("LAUNCHER_KUBECONFIG")
    (told,) = attach(server, namespace="launcher")
    assert told["error"].startswith("namespace launcher is the server's own: pods of jobs could")
    assert not server.control.books.own.all_attached()


def test_a_name_that_is_taken_is_refused(server, kube, executor):
    assert "cannot be the name" in attach(server, "local")[-1]["error"]
    assert "cannot be the name" in attach(server, "any")[-1]["error"]


def test_a_kubernetes_with_jobs_is_detached_by_force_alone(gke, server):
    job = gke.new_job()
    gke.made(job)
    reply = server.ask("POST", "/clusters/gke/detach", data={})
    assert (reply.status, reply.error) == (409, f"jobs run on cluster 'gke': {job}")
    reply = server.ask("POST", "/clusters/gke/detach", data={"force": True})
    assert reply.json() == {"jobs": [job]}
    assert f"cluster gke: it was detached; RayJob {job}-1 is left to itself" in gke.why(job)
    server.order("cancel", job)
    until(lambda: not server.services.own_clusters._views, "the end of its watches")
    assert "deletionTimestamp" not in gke.kube.get("rayjobs", f"{job}-1")["metadata"]


@pytest.mark.parametrize("is_detached", [False, True])
def test_while_jobs_run_there_its_name_means_no_other_place(gke, server, is_detached):
    job = gke.new_job()
    gke.made(job)
    if is_detached:
        server.ask("POST", "/clusters/gke/detach", data={"force": True})
        assert not server.control.books.own.all_attached()
    (told,) = attach(server, namespace="other")
    assert told["error"] == f"jobs run on cluster 'gke' in namespace default: {job}"
    assert attach(server, image="reg/ray:2")[-1] == {"done": True}
    (at,) = server.control.books.own.all_attached()
    assert (at.image, at.is_detached) == ("reg/ray:2", False)
    server.order("cancel", job)
    gke.leave(job)
    until(lambda: gke.own(job) is None, "its end")
    assert attach(server, namespace="other")[-1] == {"done": True}


def test_a_kubernetes_that_does_not_answer_keeps_no_other_waiting(gke, server, tmp_path):
    with KubeServer() as other:
        config, second = (
            yaml.safe_load(k.kubeconfig(tmp_path).read_text()) for k in (other, gke.kube)
        )
        for key in ("clusters", "contexts"):
            second[key][0]["name"] = "second"
        second["contexts"][0]["context"]["cluster"] = "second"
        for key in ("clusters", "contexts"):
            config[key] += second[key]
        (tmp_path / "kubeconfig.yaml").write_text(yaml.safe_dump(config))
        assert attach(server, "silent", context="fake")[-1] == {"done": True}
        attach(server, context="second")
        job = server.new_job(cluster="silent")
        server.cycle()
        other.wait(lambda: other.get("secrets", f"{job}-1-launcher"), "its RayJob")
        other.stalled["GET", "rayjobs"] = released = threading.Event()
        server.order("cancel", job)
        asked = ("GET", "rayjobs", f"{job}-1")
        other.wait(lambda: asked in other.requests, "a question that is not answered")
        gke.made(gke.new_job())
        assert other.get("rayjobs", f"{job}-1")["metadata"].get("deletionTimestamp") is None
        released.set()
        other.wait(
            lambda: other.get("rayjobs", f"{job}-1")["metadata"].get("deletionTimestamp"), "its end"
        )


# --- looking after it ----------------------------------------------------------------------------


def test_a_rayjob_whose_job_was_removed_goes_once_it_is_over(gke, monkeypatch):
    monkeypatch.setattr(KubernetesView, "SWEEP_EVERY_S", 0.0)
    job = gke.new_job()
    name = gke.made(job)
    gone = lambda one: "deletionTimestamp" in gke.kube.get("rayjobs", one)["metadata"]  # noqa: E731
    for other, status in (("theirs", ""), ("runs", "Running"), ("over", "Complete")):
        copy = gke.kube.get("rayjobs", name)
        labels = {**copy["metadata"]["labels"], "launcher/job": f"{other}-k3m9ap"}
        if other == "theirs":
            labels["launcher/server"] = "another"
        copy["metadata"] = {**copy["metadata"], "name": other, "uid": other, "labels": labels}
        copy["status"] = {"jobDeploymentStatus": status}
        gke.kube.put("rayjobs", copy)
    until(lambda: gone("over"), "its end")
    assert not gone("runs"), "its server may have been restored, and not know it"
    assert not gone("theirs")


def test_who_waits_for_kueue_is_not_looked_after_again_until_something_changes(
    server, kube, operator, monkeypatch
):
    attach(server, kueue=True, max_jobs=None)
    gke = Gke(server, kube, operator)
    rests, leaves = gke.new_job(), gke.new_job()
    for job in (rests, leaves):
        gke.made(job)
        kube.change("rayjobs", f"{job}-1", lambda one: one.update(status={"jobId": "seen"}))
    own, looked = server.services.own_clusters, []
    see_to = own._see_to
    until(lambda: all(own._memory(gke.own(job)).at_rest for job in (rests, leaves)), "their rest")
    monkeypatch.setattr(own, "_see_to", lambda one, view: looked.append(one) or see_to(one, view))
    server.order("cancel", leaves)
    gke.leave(leaves)
    until(lambda: gke.own(leaves) is None, "its end")
    assert {one.job_id for one in looked} == {leaves}
    operator.make_pods(f"{rests}-1")
    until(lambda: rests in {one.job_id for one in looked}, "a look, for it has pods")
