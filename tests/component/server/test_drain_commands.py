"""What people type who take a node out, and what they and others read."""

import json
import shutil

import pytest
from command_line import CommandLines
from players import TOKEN, Executor, node


@pytest.fixture
def lines(server, tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    Executor(server).report(node("n1"), node("n2"))
    yield CommandLines(server.browser, folder, TOKEN)
    shutil.rmtree(f"{folder}-cache", ignore_errors=True)


def test_a_node_from_its_drain_to_its_return(lines, monkeypatch):
    monkeypatch.setattr("launcher.api.drains.this_user", lambda: "ada")
    assert lines.say("launcher drain")[0] == "no node is drained by hand; launcher drain NODE"
    told = lines.say("launcher drain host-of-n1 --why 'a new disk'")
    assert told[0] == "host-of-n1 of cluster local is drained: what runs there saves first"
    told = lines.say("launcher drain host-of-n2 --when-idle")
    assert told[0] == "host-of-n2 of cluster local is drained: what runs there may end by itself"
    _, first, second, _ = lines.say("launcher drain")
    assert first.split() == ["host-of-n1", "local", "ada", "at", "once", "a", "new", "disk"]
    assert second.split() == ["host-of-n2", "local", "ada", "when", "idle"]
    (row,) = [line for line in lines.say("launcher top --once") if "host-of-n1" in line]
    assert row.rstrip().endswith("LEAVING: drained by ada: a new disk")
    assert lines.say("launcher undrain host-of-n1")[0] == (
        "host-of-n1 of cluster local is used again"
    )
    *listed, _ = lines.say("launcher drain --output json")
    (left,) = json.loads("\n".join(listed))
    assert (left["node"], left["when_idle"]) == ("host-of-n2", True)
