"""What only a real API server knows: whether it takes what is rendered, and what a Role allows.

It needs no nodes; see real_kubernetes.py.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from real_kubernetes import (
    KUBECONFIG,
    RESTRICTED,
    account,
    await_,
    make,
    namespace,
    needs_api,
    remove,
)

from launcher.clusters._kube_api import PODS, RAYJOBS, SECRETS, Kind, KubeApi, KubeError
from launcher.clusters._kuberay_manifest import Order, rayjob, secret
from launcher.model.job import Resources
from launcher.model.own_cluster import KubernetesCluster, OwnCluster

pytestmark = needs_api

ROOT = Path(__file__).parents[3]
FILES = [
    *(ROOT / "k8s/examples").glob("*.yaml"),
    *(ROOT / "tests/data/chart").glob("*.yaml"),
    *(ROOT / "tests/data/kuberay_rendered").glob("*.yaml"),
]
RENDERED = sorted(
    file for file in FILES if ".values." not in file.name and ".job." not in file.name
)
RIGHTS = {
    RAYJOBS: {"get", "list", "watch", "create", "delete"},
    PODS: {"list", "watch"},
    SECRETS: {"create"},
}
VERBS = {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}


@pytest.fixture(scope="module")
def restricted():
    """A namespace that takes no pod with more rights than it needs."""
    with namespace(RESTRICTED) as name:
        yield name


@pytest.fixture(scope="module")
def documented_role():
    """The rules of docs/kuberay.md, without Kueue's."""
    text = (ROOT / "docs/kuberay.md").read_text()
    block = text[text.index("```yaml\nrules:") :].partition("\n")[2].partition("```")[0]
    rules = yaml.safe_load(block)["rules"]
    return {
        "rules": [
            rule for rule in rules if "ray.io" in rule["apiGroups"] or "" in rule["apiGroups"]
        ]
    }


def order(name="digits-k3m9ap", number=1, space="default"):
    at = KubernetesCluster("gke", "http://launcher:8080", namespace=space, image="reg/ray:1")
    return Order(
        OwnCluster(name, number, "gke"), at, "0123456789ab", "vision", "Ada <ada@example.org>",
        Resources(workers=2), at.image, 60.0,
    )  # fmt: skip


@pytest.mark.parametrize("file", RENDERED, ids=lambda file: file.name)
def test_an_api_server_takes_all_that_is_rendered(restricted, file):
    for manifest in yaml.safe_load_all(file.read_text()):
        if manifest:
            manifest["metadata"]["namespace"] = restricted
            make(manifest, restricted, is_trial=True)


@pytest.mark.parametrize("file", RENDERED, ids=lambda file: file.name)
def test_a_restricted_namespace_takes_the_pods_of_the_chart(restricted, file):
    if "rendered" in str(file) or file.name == "all-said.yaml":
        pytest.skip("its pods are what their image and their values say")
    for manifest in yaml.safe_load_all(file.read_text()):
        for template in _templates(manifest or {}):
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried"}}
            # What is to be there besides is of the cluster: accounts, and what a class is worth.
            left_out = {"serviceAccountName", "priority", "priorityClassName", "runtimeClassName"}
            spec = {key: said for key, said in template["spec"].items() if key not in left_out}
            make(pod | {"spec": spec}, restricted, is_trial=True)


def _templates(manifest):
    spec = manifest.get("spec") or {}
    if manifest.get("kind") == "Deployment":
        return [spec["template"]]
    if manifest.get("kind") == "RayCluster":
        return [group["template"] for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"])]
    return []


def test_the_role_is_enough_for_what_the_server_does_and_for_nothing_more(
    documented_role, tmp_path
):
    with namespace() as name, namespace() as another:
        who = account("launcher-server", documented_role, name, tmp_path)
        api, elsewhere = KubeApi(name, kubeconfig=who), KubeApi(another, kubeconfig=who)
        for kind in (*RIGHTS, Kind("configmaps"), Kind("raycluster", "ray.io")):
            allowed = {verb for verb in VERBS if api.may(verb, kind)}
            assert allowed == RIGHTS.get(kind, set()), kind.plural
            assert not any(elsewhere.may(verb, kind) for verb in VERBS), kind.plural
        does_what_the_server_does(api)
        for refused in (
            lambda: api.get(SECRETS, "digits-k3m9ap-1-launcher"),
            lambda: api.delete(PODS, "anything"),
            lambda: elsewhere.create(RAYJOBS, rayjob(order())),
        ):
            with pytest.raises(KubeError, match=r"\(403\): .* is forbidden"):
                refused()


def does_what_the_server_does(api):
    waits = rayjob(order(space=api.namespace))
    waits["spec"]["suspend"] = True  # where KubeRay runs, it makes no pod
    uid = api.create(RAYJOBS, waits)["metadata"]["uid"]
    api.create(SECRETS, secret(order(space=api.namespace), "token", uid))
    [found], version = api.list(RAYJOBS, "launcher/server=0123456789ab")
    assert api.get(RAYJOBS, "digits-k3m9ap-1")["metadata"]["uid"] == found["metadata"]["uid"] == uid
    assert api.list(PODS, "launcher/rayjob=digits-k3m9ap-1")[0] == []
    changes = api.watch(RAYJOBS, "launcher/server=0123456789ab", version, 60)
    api.delete(RAYJOBS, "digits-k3m9ap-1", uid)
    marked = (one for one in changes if one["object"]["metadata"].get("deletionTimestamp"))
    assert next(marked)["object"]["metadata"]["uid"] == uid
    await_(lambda: api.get(RAYJOBS, "digits-k3m9ap-1") is None, "the RayJob's end")


def test_fields_that_no_one_knows_and_values_that_cannot_be_are_refused_for_good(restricted):
    api = KubeApi(restricted, kubeconfig=KUBECONFIG)
    unknown, wrong = (rayjob(order(space=restricted)) for _ in range(2))
    unknown["spec"]["rayClusterSpec"]["nonsense"] = 1
    wrong["spec"]["backoffLimit"] = "none"
    for manifest, words in (
        (unknown, r'unknown field "spec\.rayClusterSpec\.nonsense"'),
        (wrong, r"spec\.backoffLimit: Invalid value"),
    ):
        with pytest.raises(KubeError, match=words) as told:
            api.create(RAYJOBS, manifest)
        assert told.value.is_for_good


def test_an_api_server_that_sheds_load_says_when_to_come_back(tmp_path):
    """By a priority level of this test's own, which takes nobody but its own account."""
    flow = {"apiVersion": "flowcontrol.apiserver.k8s.io/v1"}
    with namespace() as name:
        role = {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]}
        api = KubeApi(name, kubeconfig=account("shed", role, name, tmp_path))
        assert api.list(PODS)[0] == []
        limited = {"nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0}
        limited["limitResponse"] = {"type": "Reject"}
        level = {"type": "Limited", "limited": limited}
        who = {"kind": "ServiceAccount", "serviceAccount": {"name": "shed", "namespace": name}}
        all_ = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}
        schema = {
            "priorityLevelConfiguration": {"name": name},
            "matchingPrecedence": 2,
            "rules": [{"subjects": [who], "resourceRules": [all_]}],
        }
        metadata = {"metadata": {"name": name}}
        make(flow | metadata | {"kind": "PriorityLevelConfiguration", "spec": level}, "")
        try:
            make(flow | metadata | {"kind": "FlowSchema", "spec": schema}, "")
            with ThreadPoolExecutor(8) as crowd:  # one alone is always let in
                refused = await_(lambda: _refusal(api, crowd), "a refusal")
            assert (refused.status, refused.retry_after_s) == (429, 1)
        finally:
            for kind in ("FlowSchema", "PriorityLevelConfiguration"):
                remove(flow["apiVersion"], kind, name)


def _refusal(api, crowd):
    asked = [crowd.submit(api.list, PODS) for _ in range(8)]
    return next((error for one in asked if (error := one.exception())), None)
