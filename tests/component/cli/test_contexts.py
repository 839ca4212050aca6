import io
import json
import sys

import pytest

from launcher.address import NamedServer, OwnServer, find_server
from launcher.contexts import Context, Contexts, RayJobRef, contexts_file, load_contexts
from launcher.errors import ConflictError, LauncherError, NotFoundError, SpecError
from launcher.transport import CLUSTERS

PROD = Context("prod", "http://prod:8080", "secret", RayJobRef("http://head:8265", "job-1"))


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for variable in ("LAUNCHER_SERVER", "LAUNCHER_TOKEN"):
        monkeypatch.delenv(variable, raising=False)


def test_without_a_file_there_is_local_alone():
    assert load_contexts() == Contexts()
    assert isinstance(find_server(), OwnServer)


def test_what_is_saved_is_read_again_and_is_the_owners_alone():
    contexts = Contexts().add(PROD).use("prod")
    contexts.save()
    assert load_contexts() == contexts
    assert contexts_file().stat().st_mode & 0o777 == 0o600


def test_the_context_in_use_names_the_server_and_its_token():
    Contexts().add(PROD).use("prod").save()
    assert find_server() == NamedServer("http://prod:8080", "secret", "prod")


def test_the_environment_wins_and_never_gets_a_contexts_token(monkeypatch):
    Contexts().add(PROD).use("prod").save()
    monkeypatch.setenv("LAUNCHER_SERVER", "http://other")
    assert find_server() == NamedServer("http://other", None)
    monkeypatch.delenv("LAUNCHER_SERVER")
    monkeypatch.setenv("LAUNCHER_TOKEN", "mine")
    assert find_server() == NamedServer("http://prod:8080", "mine", "prod")


def test_a_removed_context_that_was_in_use_leaves_local():
    assert Contexts().add(PROD).use("prod").remove("prod") == Contexts()


def test_names_that_cannot_be_are_refused():
    with pytest.raises(SpecError, match="own server"):
        Contexts().add(Context("local", "http://x"))
    with pytest.raises(SpecError, match="cannot be a context's name"):
        Contexts().add(Context("My Prod", "http://x"))
    with pytest.raises(ConflictError, match="always there"):
        Contexts().remove("local")
    with pytest.raises(NotFoundError) as caught:
        Contexts().add(PROD).use("prodd")
    assert caught.value.hint == "there are: local, prod"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"current": "x", "contexts": [{}]}'])
def test_a_file_that_is_damaged_is_told_with_the_way_around_it(text):
    contexts_file().parent.mkdir(parents=True)
    contexts_file().write_text(text)
    with pytest.raises(LauncherError, match="cannot be read") as caught:
        load_contexts()
    assert "LAUNCHER_SERVER" in caught.value.hint


def test_a_later_versions_keys_are_passed_over():
    Contexts().add(PROD).save()
    data = json.loads(contexts_file().read_text())
    data["contexts"][0]["colour"] = "red"
    contexts_file().write_text(json.dumps(data))
    assert load_contexts().get("prod") == PROD


def test_contexts_are_added_used_listed_and_removed_by_commands(cli, tmp_path):
    (tmp_path / "token").write_text("secret\n")
    assert cli("context", "add", "prod", "http://prod:8080/", "--token-file", "token")[0] == 0
    assert load_contexts().get("prod") == Context("prod", "http://prod:8080", "secret")
    assert cli("context", "use", "prod")[0] == 0
    code, out, _ = cli("context", "list", "--output", "json")
    assert (code, [one["name"] for one in json.loads(out) if one["current"]]) == (0, ["prod"])
    assert "secret" not in out
    code, out, _ = cli("context", "list")
    assert out.splitlines()[-1].split() == ["*", "prod", "http://prod:8080"]
    code, _, err = cli("context", "remove", "prod")
    assert "context local is in use" in err
    assert load_contexts() == Contexts()


def test_a_token_comes_by_stdin_and_a_new_address_keeps_the_old_one(cli, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("secret\n"))
    cli("context", "add", "prod", "http://a", "--token-file", "-")
    cli("context", "add", "prod", "http://b")
    assert load_contexts().get("prod") == Context("prod", "http://b", "secret")


def test_mistakes_are_told_with_their_exit_codes(cli, tmp_path):
    (tmp_path / "empty").touch()
    assert cli("context", "add", "prod", "head:8080")[0] == 2
    assert "holds no token" in cli("context", "add", "p", "http://x", "--token-file", "empty")[2]
    assert "cannot be read" in cli("context", "add", "p", "http://x", "--token-file", "no")[2]
    assert cli("context", "use", "nowhere")[0] == 3
    assert not contexts_file().exists()


def test_context_shows_the_server_and_its_clusters(cli, fake, monkeypatch):
    monkeypatch.delenv("LAUNCHER_SERVER")
    node = {"node_id": "n", "host": "h", "address": "a", "total": {}, "free": {}}
    fake.server["clusters"] = [
        {"name": "prod", "live": True, "nodes": [node], "note": "attached at http://head:8265"},
        {"name": "lab", "live": False, "silent_s": 61.0, "note": ""},
    ]
    Contexts().add(Context("prod", fake.url, fake.token)).use("prod").save()
    code, out, _ = cli("context")
    assert code == 0
    assert out.splitlines()[1:] == [
        "  cluster prod  1 node  attached at http://head:8265",
        "  cluster lab  silent for 1m1s",
    ]
    told = json.loads(cli("context", "-o", "json")[1])
    assert [(one["name"], one["live"]) for one in told["clusters"]] == [
        ("prod", True),
        ("lab", False),
    ]


def test_context_starts_no_server_of_ones_own(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("LAUNCHER_STATE_DIR", str(tmp_path / "state"))
    code, out, err = cli("context")
    assert (code, out) == (0, f"local  {tmp_path / 'state'}\n")
    assert "launcher up" in err
    assert not (tmp_path / "state").exists()


def test_people_are_told_which_server_they_speak_to(cli, fake, monkeypatch):
    monkeypatch.setattr("launcher.cli._output.is_read_by_people", lambda: True)
    Contexts().add(Context("prod", fake.url, fake.token)).use("prod").save()
    monkeypatch.delenv("LAUNCHER_SERVER")
    assert f"server prod {fake.url}, no cluster\n" in cli("list")[2]
    assert "server" not in cli("list", "-o", "json")[1]


@pytest.mark.parametrize(
    ("clusters", "said"),
    [("gpu", "cluster gpu"), ("gpu, lab (silent)", "clusters gpu, lab (silent)")],
)
def test_people_are_told_the_servers_clusters_once(cli, fake, monkeypatch, clusters, said):
    monkeypatch.setattr("launcher.cli._output.is_read_by_people", lambda: True)
    fake.add_job()
    answer = type(fake).answer

    def telling(self, *asked):
        status, data, headers = answer(self, *asked)
        return status, data, headers | {CLUSTERS: clusters}

    monkeypatch.setattr(type(fake), "answer", telling)
    assert cli("show", "digits")[2] == f"server {fake.url}, {said}\n"
