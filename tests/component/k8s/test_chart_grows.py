"""What an executor makes of the RayClusters of our examples: by Ray's own reading of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from launcher.executor.pools import Said, pools_of

EXAMPLES = Path(__file__).parents[3] / "k8s" / "examples"


@pytest.fixture(scope="module")
def derive():
    from ray.autoscaler._private.kuberay import autoscaling_config

    return autoscaling_config._derive_autoscaling_config_from_ray_cr


def ray_cluster(example):
    found = yaml.safe_load_all((EXAMPLES / f"{example}.yaml").read_text())
    [cluster] = [one for one in found if one and one["kind"] == "RayCluster"]
    return cluster


@pytest.mark.parametrize(
    ("example", "grows_to", "gpus"),
    [("gpu-pool", {"h100": 8}, 8), ("spot-pool", {"on-demand": 2, "spot": 16}, 1)],
)
def test_groups_grow_from_nothing_to_their_bounds(derive, example, grows_to, gpus):
    cluster = ray_cluster(example)
    assert cluster["spec"]["enableInTreeAutoscaling"]
    pools = pools_of(derive(cluster), [], Said(), {})
    assert {pool.name: pool.more for pool in pools.pools} == grows_to
    assert {pool.resources["GPU"] for pool in pools.pools} == {gpus}
    assert pools.more == sum(grows_to.values())


def test_pools_that_jobs_tell_apart_say_their_labels(derive):
    pools = pools_of(derive(ray_cluster("spot-pool")), [], Said(), {})
    assert [pool.labels for pool in pools.pools] == [
        {"capacity": "on-demand"},
        {"capacity": "spot"},
    ]


@pytest.mark.parametrize("example", ["gpu-pool", "spot-pool"])
def test_the_executor_knows_which_raycluster_is_its_own(example):
    cluster = ray_cluster(example)
    pod = cluster["spec"]["headGroupSpec"]["template"]["spec"]
    [executor] = [one for one in pod["initContainers"] if one["name"] == "executor"]
    said = {one["name"]: one.get("value") for one in executor["env"]}
    assert said["RAY_CLUSTER_NAME"] == cluster["metadata"]["name"]
    assert said["RAY_CLUSTER_NAMESPACE"] == cluster["metadata"]["namespace"]
    assert pod.get("automountServiceAccountToken") is not False
