"""The official client against an API server of our own: refusals, pages, watches that break."""

import threading

import pytest

from launcher.clusters import _kube_api, _kube_mirror
from launcher.clusters._kube_api import PODS, RAYJOBS, SECRETS, KubeApi, KubeError
from launcher.clusters._kube_mirror import Mirror, pause_s
from launcher.errors import SpecError, UnreachableError


def rayjob(name, **labels):
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": name, "labels": labels},
        "spec": {},
    }


def pod(name, **labels):
    return {"metadata": {"name": name, "labels": labels}, "status": {"phase": "Pending"}}


@pytest.fixture
def mirror(kube, api):
    made = Mirror(api, PODS, "app=mine", lambda: None)
    kube.wait(lambda: "pods" in kube.watched, "the first watch")
    yield made
    made.close()
    kube.break_watches()


def names(mirror):
    return {one["metadata"]["name"] for one in mirror.all()}


def test_objects_are_made_found_and_deleted(kube, api):
    made = api.create(RAYJOBS, rayjob("one"))
    assert made["metadata"]["uid"]
    assert api.get(RAYJOBS, "one") == kube.get("rayjobs", "one")
    assert api.get(RAYJOBS, "two") is None
    api.delete(RAYJOBS, "one", made["metadata"]["uid"])
    assert kube.get("rayjobs", "one")["metadata"]["propagation"] == "Foreground"


def test_deleting_what_is_not_there_or_another_one_of_that_name_does_nothing(kube, api):
    api.delete(RAYJOBS, "nobody")
    api.create(RAYJOBS, rayjob("one"))
    api.delete(RAYJOBS, "one", uid="of-another-one")
    assert "deletionTimestamp" not in kube.get("rayjobs", "one")["metadata"]


def test_what_is_there_already_is_told_as_such(api):
    secret = {"metadata": {"name": "s"}, "stringData": {"token": "x"}}
    api.create(SECRETS, secret)
    with pytest.raises(KubeError, match=r"refuses \(409\): .*already exists") as told:
        api.create(SECRETS, secret)
    assert (told.value.status, told.value.reason) == (409, "AlreadyExists")


def test_a_list_is_read_page_by_page(kube, api, monkeypatch):
    monkeypatch.setattr("launcher.clusters._kube_api._PAGE", 2)
    for number in range(5):
        kube.put("pods", pod(f"p{number}"))
    found, version = api.list(PODS)
    assert [one["metadata"]["name"] for one in found] == ["p0", "p1", "p2", "p3", "p4"]
    assert int(version) > 0
    assert kube.requests.count(("GET", "pods", "")) == 3


def test_a_refusal_for_too_many_requests_says_when_to_come_back(kube, api):
    kube.refuse("GET", "pods", 429, "too many requests", headers={"Retry-After": "7"})
    with pytest.raises(KubeError) as told:
        api.list(PODS)
    assert told.value.retry_after_s == 7
    assert pause_s(1, told.value) == 7


def test_a_quota_is_told_from_a_right_that_is_missing(kube, api):
    kube.refuse("POST", "rayjobs", 403, 'rayjobs "one" is forbidden: exceeded quota: team')
    kube.refuse("POST", "rayjobs", 403, 'User "launcher" cannot create resource "rayjobs"')
    for is_quota in (True, False):
        with pytest.raises(KubeError) as told:
            api.create(RAYJOBS, rayjob("one"))
        assert told.value.is_over_quota is is_quota


def test_a_server_that_is_not_there_is_told_in_words(tmp_path, kube):
    kubeconfig = kube.kubeconfig(tmp_path)
    text = kubeconfig.read_text().replace(kube.url, "http://127.0.0.1:1")
    kubeconfig.write_text(text)
    with pytest.raises(UnreachableError, match=r"Kubernetes at http://127.+:1 does not answer"):
        KubeApi("default", kubeconfig=str(kubeconfig)).list(PODS)


def test_what_the_client_itself_refuses_is_not_taken_for_silence(api, monkeypatch):
    def refuse(**_):
        raise ValueError("the plugin of the kubeconfig ended with 1")

    monkeypatch.setattr(api._core, "create_namespaced_secret", refuse)
    with pytest.raises(UnreachableError, match="could not be asked: ValueError: the plugin"):
        api.create(SECRETS, {"metadata": {"name": "s"}})


def test_a_context_that_the_kubeconfig_lacks_is_told(tmp_path, kube):
    kubeconfig = str(kube.kubeconfig(tmp_path))
    with pytest.raises(SpecError, match=r"nothing says where Kubernetes is: .*other"):
        KubeApi("default", "other", kubeconfig)


def test_credentials_that_were_renewed_are_taken_up(tmp_path, kube, monkeypatch):
    monkeypatch.setattr(_kube_api, "CONNECT_ANEW_S", 0.0)
    file = kube.kubeconfig(tmp_path)
    good = file.read_text()
    file.write_text(good.replace("kube-token", "expired"))
    api = KubeApi("default", kubeconfig=str(file))
    with pytest.raises(KubeError, match="401"):
        api.list(PODS)
    file.write_text(good)
    assert api.list(PODS)[0] == []
    monkeypatch.setattr(_kube_api, "CONNECT_ANEW_S", 3600.0)
    file.write_text(good.replace("kube-token", "expired"))
    kube.refuse("GET", "pods", 401, "Unauthorized")
    with pytest.raises(KubeError, match="401"):
        api.list(PODS)
    assert api.list(PODS)[0] == [], "what is not read again does not change"
    api.close()


def test_a_mirror_shows_what_comes_changes_and_goes(kube, mirror):
    kube.put("pods", pod("a", app="mine"))
    kube.put("pods", pod("b", app="another"))
    kube.wait(lambda: names(mirror) == {"a"}, "the pod")
    kube.change("pods", "a", lambda one: one["status"].update(phase="Running"))
    kube.wait(lambda: mirror.get("a")["status"]["phase"] == "Running", "its start")
    kube.remove("pods", "a")
    kube.wait(lambda: not names(mirror), "its end")
    assert [one["status"]["phase"] for one in mirror.departed()] == ["Running"]


def test_a_watch_that_breaks_goes_on_from_where_it_was(kube, mirror):
    kube.put("pods", pod("a", app="mine"))
    kube.wait(lambda: names(mirror) == {"a"}, "the pod")
    lists = kube.requests.count(("GET", "pods", ""))
    kube.break_watches()
    kube.put("pods", pod("b", app="mine"))
    kube.wait(lambda: names(mirror) == {"a", "b"}, "what came meanwhile")
    assert kube.requests.count(("GET", "pods", "")) == lists
    assert mirror.is_synced


def test_a_version_that_is_too_old_lists_everything_anew(kube, mirror):
    kube.put("pods", pod("a", app="mine"))
    kube.wait(lambda: names(mirror) == {"a"}, "the pod")
    lists = kube.requests.count(("GET", "pods", ""))
    with kube.changed:
        kube.objects["pods"].clear()  # unseen by any watch
        kube.forget_history()
    kube.break_watches()
    kube.wait(lambda: not names(mirror), "a new list")
    assert kube.requests.count(("GET", "pods", "")) > lists


def test_a_mirror_says_what_keeps_it_from_being_true(kube, mirror):
    kube.refuse("WATCH", "pods", 403, "pods is forbidden", times=50)
    kube.break_watches()
    kube.wait(lambda: "pods is forbidden" in mirror.trouble, "words of the trouble")
    kube._refusals.clear()
    kube.wait(lambda: mirror.is_synced, "its end")


def test_a_watch_that_is_refused_again_and_again_is_asked_for_ever_more_seldom(
    kube, api, monkeypatch
):
    counted, told, is_made = [], [], threading.Event()
    monkeypatch.setattr(_kube_mirror, "pause_s", lambda failures, _: counted.append(failures) or 0)
    kube.refuse("WATCH", "pods", 503, "etcd is away", times=5)
    changed = lambda: is_made.wait(10) and told.append(made.trouble)  # noqa: E731
    made = Mirror(api, PODS, "app=mine", changed)
    is_made.set()
    kube.wait(lambda: "pods" in kube.watched, "a watch")
    kube.wait(lambda: made.is_synced, "its trouble's end")
    assert counted == [1, 2, 3, 4, 5]
    listed, *refused, open_ = told
    assert (listed, open_) == ("", "")
    assert set(refused) == {"Kubernetes refuses (503): etcd is away"}, "it never looks kept between"
    made.close()
    kube.break_watches()


def test_an_api_server_that_asks_for_patience_is_given_it(kube, mirror):
    kube.refuse("WATCH", "pods", 429, "slow down", headers={"Retry-After": "1"})
    kube.break_watches()
    kube.wait(lambda: "slow down" in mirror.trouble, "the refusal")
    before = kube.requests.count(("WATCH", "pods", ""))
    threading.Event().wait(0.5)
    assert kube.requests.count(("WATCH", "pods", "")) == before
    kube.wait(lambda: mirror.is_synced, "another try")


@pytest.fixture
def threads(kube):
    """Those that were begun since, and live."""
    before = set(threading.enumerate())

    def new():
        return {one for one in threading.enumerate() if one.name.startswith("mirror-")} - before

    return new


def test_a_mirror_that_is_closed_ends_at_once_though_its_watch_says_nothing(
    kube, api, threads, caplog
):
    kube.is_silent = True
    told = []
    made = Mirror(api, PODS, "app=mine", lambda: told.append(made.trouble))
    kube.wait(lambda: "pods" in kube.watched and made.is_synced, "the first watch")
    assert len(threads()) == 1
    told.clear()
    made.close()
    kube.wait(lambda: not threads(), "the end of its thread")
    assert (told, caplog.records) == ([], [])
    assert kube.requests.count(("WATCH", "pods", "")) == 1


def test_a_mirror_that_is_closed_while_it_begins_to_watch_ends_too(kube, api, threads, monkeypatch):
    kube.is_silent = True
    opened, closed, open_watch = threading.Event(), threading.Event(), api.watch

    def watch(*asked):
        watch = open_watch(*asked)
        opened.set()
        closed.wait(10)
        return watch

    monkeypatch.setattr(api, "watch", watch)
    made = Mirror(api, PODS, "app=mine", lambda: None)
    assert opened.wait(10)
    made.close()
    closed.set()
    kube.wait(lambda: not threads(), "the end of its thread")


def test_pauses_grow_and_have_a_limit():
    assert 0.25 <= pause_s(1, None) <= 0.5
    assert 15 <= pause_s(20, None) <= 30
