"""`launcher attach` and `launcher detach`, before a server that a test plays."""

import json

import pytest

from launcher.client import Client
from launcher.errors import UnreachableError
from launcher.server.attachments import Attachment, Attachments

RAY = "http://head:8265"
NODE = {"node_id": "n", "host": "h", "address": "a", "total": {"CPU": 8.0, "GPU": 2.0}, "free": {}}


@pytest.fixture
def serving(fake, monkeypatch):
    """Tells the server what attaching and detaching shall answer; gives what was asked."""
    asked = []

    def play(*lines, jobs=()):
        def answer(method, path, query, body, headers):
            if "/clusters/" in path:
                asked.append((path, json.loads(body)))
                if path.endswith("/attach"):
                    return 200, "".join(json.dumps(line) + "\n" for line in lines).encode(), {}
                return 200, {"jobs": list(jobs)}, {}
            return 200, fake.server, {}

        monkeypatch.setattr(fake, "answer", answer)
        return asked

    return play


def test_steps_are_told_and_then_what_the_cluster_has(cli, fake, serving, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "rays")
    fake.server["clusters"] = [{"name": "prod", "live": True, "nodes": [NODE, NODE]}]
    asked = serving({"step": "Ray 2.60.0 answers"}, {"done": True})
    code, out, err = cli("attach", RAY, "--name", "prod", "--server-url", "http://me:1")
    assert (code, out) == (0, "attached prod: 2 nodes, 16 CPUs, 4 GPUs\n")
    assert err.startswith("Ray 2.60.0 answers\n")
    body = {"ray_url": RAY, "ray_token": "rays", "server_url": "http://me:1"}
    assert asked == [("/api/v1/clusters/prod/attach", body)]


def test_a_token_in_a_file_wins_over_the_environment(cli, fake, serving, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "other")
    (tmp_path / "token").write_text("rays\n")
    fake.server["clusters"] = [{"name": "ray", "live": True, "nodes": [NODE]}]
    asked = serving({"done": True})
    assert cli("attach", RAY, "--ray-token-file", "token")[0] == 0
    assert asked[0][1]["ray_token"] == "rays"


def test_a_refusal_has_its_words_its_hint_and_its_exit_code(cli, serving):
    serving({"step": "Ray"}, {"error": "no way", "hint": "do this", "kind": "ConflictError"})
    code, out, err = cli("attach", RAY)
    assert (code, out) == (5, "")
    assert err.endswith("error: no way\nhint: do this\n")


@pytest.mark.parametrize("kind", ["ConflictError", "Unheard", None])
def test_an_error_of_an_unknown_kind_is_an_error_all_the_same(fake, serving, kind):
    serving({"error": "no way", "hint": None, "kind": kind})
    with pytest.raises(Exception, match="no way"):
        list(Client(fake.url, fake.token).attach("prod", RAY))


def test_a_server_that_ends_in_the_middle_is_told(fake, serving):
    serving({"step": "Ray"})
    with pytest.raises(UnreachableError, match="ended before the cluster was attached"):
        list(Client(fake.url, fake.token).attach("prod", RAY))


def test_what_was_left_on_a_cluster_is_told(cli, serving):
    asked = serving(jobs=["digits-k3m9ap"])
    code, out, err = cli("detach", "prod", "--force")
    assert (code, out) == (0, "")
    assert "digits-k3m9ap" in err
    assert asked == [("/api/v1/clusters/prod/detach", {"force": True})]


def test_a_server_beside_the_executor_takes_no_address_of_another(cli):
    code, _, err = cli("attach", RAY, "--with-server", "--server-url", "http://me")
    assert code == 2
    assert "exclude each other" in err


def test_listening_is_not_for_a_server_elsewhere(cli, fake):
    code, _, err = cli("up", "--listen", "0.0.0.0")
    assert code == 2
    assert f"commands speak to {fake.url}" in err


def test_a_server_with_attached_clusters_is_not_forgotten(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("LAUNCHER_STATE_DIR", str(tmp_path))
    Attachments(tmp_path).put(Attachment("prod", RAY, "http://me", "job-1", "secret"))
    code, _, err = cli("down", "--purge", "--yes")
    assert code == 5
    assert "clusters are attached to this server: prod" in err
    assert "wait there for the next launcher up" in cli("down", "--yes")[2]
