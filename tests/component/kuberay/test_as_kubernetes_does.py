"""The played API server and a real one, asked the same: what holds for one holds for the other."""

from __future__ import annotations

import json
import uuid

import pytest
from kube_server import KubeServer
from real_kubernetes import KUBECONFIG, await_, namespace, needs_api, with_token

from launcher.clusters import _kube_api
from launcher.clusters._kube_api import PODS, RAYJOBS, SECRETS, Kind, KubeApi, KubeError
from launcher.clusters._kube_mirror import Mirror

NOBODYS = Kind("things", "nobody.example.org")
"""A kind that no Kubernetes has."""


class Played:
    def __init__(self, kube, folder):
        self.kube, self.kubeconfig = kube, str(kube.kubeconfig(folder))
        self.namespace = "default"

    def forget(self):
        """Give a version that is too old from now on."""
        self.kube.forget_history()
        return "1"

    def change(self, name, labels):
        self.kube.change("secrets", name, lambda one: one["metadata"].update(labels=labels))

    def let_go(self, name):
        """What KubeRay waits for before a RayJob is gone."""
        self.kube.remove("rayjobs", name)


class Real:
    def __init__(self, name):
        self.kubeconfig, self.namespace = KUBECONFIG, name

    def forget(self):
        return "1"

    def change(self, name, labels):
        from kubernetes import client
        from real_kubernetes import connection

        core = client.CoreV1Api(connection())
        core.patch_namespaced_secret(name, self.namespace, {"metadata": {"labels": labels}})

    def let_go(self, name):
        """Its operator does, or there is none, and nothing is waited for."""


@pytest.fixture(params=["played", pytest.param("real", marks=needs_api)])
def there(request, tmp_path):
    if request.param == "played":
        with KubeServer() as kube:
            yield Played(kube, tmp_path)
    else:
        with namespace() as name:
            yield Real(name)


@pytest.fixture
def api(there):
    made = KubeApi(there.namespace, kubeconfig=there.kubeconfig)
    yield made
    made.close()


def rayjob(name, **labels):
    """One that waits for ever: no pod is made of it."""
    pod = {"spec": {"containers": [{"name": "ray", "image": "none"}]}}
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "suspend": True,
            "shutdownAfterJobFinishes": True,
            "entrypoint": "true",
            "rayClusterSpec": {"headGroupSpec": {"rayStartParams": {}, "template": pod}},
        },
    }


def secret(name, **labels):
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"a": "b"}}


def test_an_object_is_made_and_found(api):
    made = api.create(RAYJOBS, rayjob("one", app="mine"))
    found = api.get(RAYJOBS, "one")
    assert found["metadata"]["uid"] == made["metadata"]["uid"]
    assert found["metadata"]["labels"] == {"app": "mine"}
    assert api.get(RAYJOBS, "two") is None


@pytest.mark.parametrize(("kind", "one"), [(RAYJOBS, rayjob("one")), (SECRETS, secret("one"))])
def test_what_is_there_already_is_refused(api, kind, one):
    api.create(kind, one)
    words = r"\(409\): (rayjobs\.ray\.io|secrets) \"one\" already exists"
    with pytest.raises(KubeError, match=words) as told:
        api.create(kind, one)
    assert (told.value.status, told.value.reason) == (409, "AlreadyExists")
    assert not told.value.is_for_good


def test_a_trial_stores_nothing(api):
    assert api.create(RAYJOBS, rayjob("one"), is_trial=True)["metadata"]["uid"]
    assert api.get(RAYJOBS, "one") is None


def test_a_secret_goes_with_its_rayjob(there, api):
    uid = api.create(RAYJOBS, rayjob("one"))["metadata"]["uid"]
    owner = {"apiVersion": "ray.io/v1", "kind": "RayJob", "name": "one", "uid": uid}
    owned = secret("one-launcher")
    owned["metadata"]["ownerReferences"] = [owner]
    api.create(SECRETS, owned)
    api.create(SECRETS, secret("another"))
    api.delete(RAYJOBS, "one", uid="of-another-one")
    assert "deletionTimestamp" not in api.get(RAYJOBS, "one")["metadata"]
    api.delete(RAYJOBS, "one", uid)
    there.let_go("one")
    await_(lambda: api.get(RAYJOBS, "one") is None, "the end of the RayJob")
    await_(lambda: api.get(SECRETS, "one-launcher") is None, "the end of its Secret")
    assert api.get(SECRETS, "another")
    api.delete(RAYJOBS, "one", uid)


def test_a_list_is_whole_however_many_pages_it_has(api, monkeypatch):
    monkeypatch.setattr(_kube_api, "_PAGE", 2)
    for number in range(5):
        api.create(SECRETS, secret(f"s{number}", app="mine"))
    api.create(SECRETS, secret("another"))
    found, version = api.list(SECRETS, "app=mine")
    assert [one["metadata"]["name"] for one in found] == ["s0", "s1", "s2", "s3", "s4"]
    assert version.isdecimal()


def test_a_watch_tells_what_comes_changes_and_goes(there, api):
    _, version = api.list(SECRETS, "app=mine")
    api.create(SECRETS, secret("other", app="another"))
    api.create(SECRETS, secret("one", app="mine"))
    there.change("one", {"app": "mine", "seen": "yes"})
    there.change("other", {"app": "mine"})
    there.change("other", {"app": "another"})  # to who watches, that is its end
    api.delete(SECRETS, "one")
    told, versions = [], []
    for event in api.watch(SECRETS, "app=mine", version, 30):
        versions.append(int(event["object"]["metadata"]["resourceVersion"]))
        if event["type"] != "BOOKMARK":
            told.append((event["type"], event["object"]["metadata"]["name"]))
        if told[-1:] == [("DELETED", "one")]:
            break
    assert told == [
        ("ADDED", "one"), ("MODIFIED", "one"), ("ADDED", "other"), ("DELETED", "other"),
        ("MODIFIED", "one"), ("DELETED", "one"),  # marked first, then gone
    ]  # fmt: skip
    assert versions == sorted(versions)


def test_a_watch_that_is_quiet_ends_by_itself_and_tells_nothing_but_versions(api):
    api.create(SECRETS, secret("one"))
    _, version = api.list(PODS, "app=nobodys")
    for event in api.watch(PODS, "app=nobodys", version, 2):
        assert event["type"] == "BOOKMARK"
        assert "name" not in event["object"]["metadata"]
        assert int(event["object"]["metadata"]["resourceVersion"]) >= int(version)


def test_a_version_that_is_too_old_is_refused(there, api):
    version = there.forget()
    with pytest.raises(KubeError, match="too old resource version") as told:
        list(api.watch(PODS, "", version, 5))
    assert (told.value.status, told.value.reason) == (410, "Expired")


def test_a_mirror_outlives_a_version_that_is_too_old(there, api):
    api.create(SECRETS, secret("one", app="mine"))
    mirror = Mirror(api, SECRETS, "app=mine", lambda: None)
    try:
        await_(lambda: mirror.get("one"), "the first list")
        mirror._version = there.forget()  # as after hours without an API server
        if isinstance(there, Played):
            there.kube.break_watches()
        api.create(SECRETS, secret("two", app="mine"))
        await_(lambda: mirror.get("two") and mirror.is_synced, "what came meanwhile")
    finally:
        mirror.close()
        if isinstance(there, Played):
            there.kube.break_watches()


def test_a_kind_that_is_not_installed_is_told(api):
    with pytest.raises(KubeError, match=r"\(404\): 404 page not found") as told:
        api.list(NOBODYS)
    assert told.value.status == 404


def test_a_namespace_that_is_missing_is_empty_until_something_is_made_there(there):
    name = f"nobodys-{uuid.uuid4().hex[:8]}"
    elsewhere = KubeApi(name, kubeconfig=there.kubeconfig)
    assert elsewhere.list(RAYJOBS)[0] == []
    for is_trial in (True, False):
        with pytest.raises(KubeError, match=rf'\(404\): namespaces "{name}" not found'):
            elsewhere.create(RAYJOBS, rayjob("one"), is_trial=is_trial)


def test_rights_are_answered_one_by_one(api):
    assert api.may("create", RAYJOBS)
    assert api.may("watch", PODS)


def test_somebody_unknown_is_refused(there, tmp_path):
    if isinstance(there, Played):
        content = json.loads((tmp_path / "kubeconfig.yaml").read_text())
        content["users"][0]["user"]["token"] = "nobodys"
        file = tmp_path / "nobodys.yaml"
        file.write_text(json.dumps(content))
    else:
        file = with_token("nobodys", tmp_path / "nobodys.yaml")
    with pytest.raises(KubeError, match=r"\(401\): Unauthorized") as told:
        KubeApi(there.namespace, kubeconfig=str(file)).list(PODS)
    assert told.value.reason == "Unauthorized"
