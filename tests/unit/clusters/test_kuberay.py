"""How gangs become pods, what is laid over them, and what pods and Workloads say."""

import pytest

from launcher.clusters._kuberay_merge import merged
from launcher.clusters._kuberay_reading import kueue_words, pod_state, waiting_words
from launcher.clusters._kuberay_shape import groups_of
from launcher.model.ending import Ending
from launcher.model.job import Resources
from launcher.model.own_cluster import KubernetesCluster, rayjob_name


@pytest.mark.parametrize(
    ("gang", "gpus_per_pod", "pods"),
    [
        ({"workers": 4}, None, [(1, 4)]),
        ({"workers": 4, "placement": "single_node"}, None, [(4, 1)]),
        ({"workers": 4, "replicas_per_rank": 4}, None, [(4, 1)]),
        ({"workers": 4, "placement": "spread", "gpus_per_worker": 1}, 8, [(1, 4)]),
        ({"workers": 4, "workers_per_node": 2}, None, [(2, 2)]),
        ({"workers": 5, "workers_per_node": 2, "uneven": True}, None, [(2, 2), (1, 1)]),
        ({"workers": 7, "nodes": 3, "uneven": True}, None, [(3, 1), (2, 2)]),
        ({"workers": 16, "gpus_per_worker": 1}, 8, [(8, 2)]),
        ({"workers": 6, "gpus_per_worker": 2}, 8, [(3, 2)]),
        ({"workers": 2, "gpus_per_worker": 8}, 4, [(1, 2)]),
        ({"workers": 16}, 8, [(1, 16)]),
        ({"workers": 8, "fewest": 2}, None, [(1, 8)]),
    ],
)
def test_a_gang_becomes_pods_that_hold_all_of_it(gang, gpus_per_pod, pods):
    found = groups_of(Resources(**gang), gpus_per_pod)
    assert [(group.workers, group.pods) for group in found] == pods
    assert sum(group.workers * group.pods for group in found) == gang["workers"]


def test_names_are_those_of_kuberay_and_of_one_job_each():
    long = "a" * 37 + "-99999"
    names = [rayjob_name(long, number) for number in (1, 10, 11, 123456)]
    assert all(len(name) <= 47 for name in names)
    assert len(set(names)) == 4
    assert rayjob_name("3d-unet-k3m9ap", 1)[0].isalpha()


def test_items_of_a_name_are_laid_over_each_other_and_others_are_added():
    ours = {"containers": [{"name": "ray", "env": [{"name": "A", "value": "1"}], "image": "x"}]}
    over = {
        "containers": [
            {"name": "ray", "env": [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}]},
            {"name": "side", "image": "y"},
        ]
    }
    ray, side = merged(ours, over)["containers"]
    assert ray["env"] == [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}]
    assert (ray["image"], side) == ("x", {"name": "side", "image": "y"})
    assert ours["containers"][0]["env"] == [{"name": "A", "value": "1"}]


def test_another_source_of_a_volume_takes_the_place_of_ours():
    ours = {"volumes": [{"name": "spool", "emptyDir": {}}]}
    over = {"volumes": [{"name": "spool", "hostPath": {"path": "/nvme"}}]}
    assert merged(ours, over)["volumes"] == over["volumes"]
    more = {"volumes": [{"name": "spool", "emptyDir": {"sizeLimit": "9Gi"}}]}
    assert merged(ours, more)["volumes"] == more["volumes"]


def test_tolerations_are_added_and_null_takes_away():
    ours = {"tolerations": [{"key": "gpu"}], "nodeSelector": {"a": "b"}, "x": [1]}
    over = {"tolerations": [{"key": "spot"}], "nodeSelector": None, "x": [2]}
    assert merged(ours, over) == {"tolerations": [{"key": "gpu"}, {"key": "spot"}], "x": [2]}


def pod(**status):
    containers = [{"name": "ray", "resources": {"limits": {"memory": "9Gi"}}}]
    spec = {"containers": containers, "nodeName": "n1"}
    return pod_state({"metadata": {"name": "p"}, "spec": spec, "status": status})


def container(**state):
    return {"name": "ray", "image": "reg/x", "state": state}


def test_a_container_that_was_killed_for_memory_is_told_with_its_limit():
    killed = container(terminated={"reason": "OOMKilled", "exitCode": 137})
    state = pod(phase="Failed", containerStatuses=[killed])
    assert (state.ending, state.has_ended) == (Ending.OUT_OF_MEMORY, True)
    assert state.ended_words == (
        "container ray of pod p on n1 was killed for memory: its limit is 9Gi"
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"reason": "Evicted", "message": "disk"}, "pod p was evicted from n1: disk"),
        ({"reason": "NodeLost"}, "pod p on n1: NodeLost"),
        ({"reason": "Preempted", "message": "by q"}, "pod p was taken from n1: by q"),
        (
            {"containerStatuses": [container(terminated={"exitCode": 1, "reason": "Error"})]},
            "container ray of pod p ended with code 1: Error",
        ),
        ({}, ""),
    ],
)
def test_other_ends_are_of_a_lost_node_in_the_words_of_kubernetes(status, words):
    state = pod(phase="Failed", **status)
    assert (state.ending, state.ended_words) == (Ending.NODE_LOST, words)


def test_the_pod_that_has_no_hope_is_told_first():
    starts = pod(phase="Pending")
    said = "0/3 nodes are available"
    unplaced = pod(
        phase="Pending",
        conditions=[{"type": "PodScheduled", "status": "False", "message": said}],
    )
    waiting = {"reason": "ErrImagePull", "message": "not found"}
    unpulled = pod(phase="Pending", containerStatuses=[container(waiting=waiting)])
    told = waiting_words({}, [starts, unplaced, unpulled], 3)
    assert told == "image reg/x cannot be pulled: not found; 2 more of its pods wait"
    assert said in waiting_words({}, [starts, unplaced], 3)
    assert waiting_words({}, [starts], 3) == "pod p is being started"


def test_pods_that_kuberay_cannot_make_are_told_with_the_cause():
    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: team"}
    rayjob = {"status": {"rayClusterStatus": {"conditions": [failure]}}}
    running = pod(phase="Running", containerStatuses=[{"name": "ray", "ready": True}])
    told = waiting_words(rayjob, [running], 3)
    assert told == "KubeRay made 1 of 3 pods: exceeded quota: team"
    assert "does its operator run?" in waiting_words({}, [], 3)


def test_kueue_is_quoted_until_it_admits():
    def workload(*conditions):
        return {"status": {"conditions": [dict(zip(("type", "status", "message"), c, strict=True))
                                          for c in conditions]}}  # fmt: skip

    assert kueue_words(None) == "Kueue has not seen it yet"
    assert kueue_words(workload()) == "Kueue has not decided yet"
    assert kueue_words(workload(("QuotaReserved", "False", "no room"))) == "Kueue: no room"
    evicted = workload(("QuotaReserved", "False", "no room"), ("Evicted", "True", "preempted"))
    assert kueue_words(evicted) == "Kueue: preempted"
    assert kueue_words(workload(("Admitted", "True", "go"), ("Evicted", "True", "x"))) == ""


def test_queues_and_priority_classes_are_found_by_project_and_priority():
    at = KubernetesCluster(
        "gke", "", queues={"a": "qa", "*": "all"}, priority_classes={"0": "low", "80": "high"}
    )
    assert [at.queue_of(project) for project in ("a", "b")] == ["qa", "all"]
    assert [at.priority_class_of(number) for number in (0, 79, 80, 100)] == [
        "low", "low", "high", "high",
    ]  # fmt: skip
    assert KubernetesCluster("gke", "").queue_of("b") == "b"
    assert KubernetesCluster("gke", "").priority_class_of(50) == ""
