"""What people type about arrays and jobs that wait, and what they read."""

import shutil

import pytest
from command_line import CommandLines
from players import TOKEN


@pytest.fixture
def lines(server, tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "train.py").write_text("print('hello')\n")
    monkeypatch.setattr("launcher.names.random_part", lambda _=6: "k3m9ap")
    yield CommandLines(server.browser, folder, TOKEN)
    shutil.rmtree(f"{folder}-cache", ignore_errors=True)


def test_an_array_from_its_submit_to_its_end(lines):
    told = lines.say("launcher submit --array 0-3%2 --hold -- train.py")
    assert told[0].startswith("train-k3m9ap: 4 x 1 x 1 CPU; sent 1 file")
    assert "it is held: launcher release train-k3m9ap lets it start" in told
    assert lines.say("launcher why train-k3m9ap-2")[0].endswith(
        "launcher release train-k3m9ap-2 lets it go on; released, it waits for its turn: "
        "2 of train-k3m9ap at once"
    )
    _, row, _ = lines.say("launcher list")
    assert row.split()[:4] == ["train-k3m9ap", "HELD", "4", "jobs"]
    assert len(lines.say("launcher list --elements")) == 6
    assert lines.say("launcher release last")[0] == "train-k3m9ap-0  QUEUED"
    _, row, _ = lines.say("launcher list")
    assert row.endswith("4 queued")
    assert (
        lines.say("launcher show train-k3m9ap")[0] == "error: 'train-k3m9ap' is an array of 4 jobs"
    )
    assert lines.say("launcher cancel --all --yes --now")[:4] == [
        f"train-k3m9ap-{index}  CANCELLED" for index in range(4)
    ]
    assert lines.say("launcher rm train-k3m9ap --yes")[-1] == "exit 0"
