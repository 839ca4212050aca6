"""`launcher outputs`: what is listed, what is got, and that nothing is replaced."""

import hashlib
import json
from pathlib import Path

import pytest

from launcher.cli.live import summary
from launcher.client import Client


def output(fake, path, data, *, rank=0, attempt=1):
    fake.files[path] = data
    fake.outputs.append(
        {
            "path": path,
            "rank": rank,
            "attempt": attempt,
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "mode": 0o640,
            "collected_at": 1.0,
        }
    )


@pytest.fixture
def job(fake):
    output(fake, "plots/loss.png", b"\x89PNG")
    output(fake, "plots/a b.png", b"\x89PNG2")
    output(fake, "table.csv", b"1,2\n", attempt=2)
    return fake.add_job(state="SUCCEEDED", outputs={"files": 3, "size": 13})["id"]


def test_outputs_are_listed_with_size_rank_and_attempt(cli, job):
    code, out, _ = cli("outputs", "digits")
    assert code == 0
    assert [line.split(maxsplit=4) for line in out.splitlines()] == [
        ["SIZE", "RANK", "ATTEMPT", "PATH"],
        ["4", "B", "0", "1", "plots/loss.png"],
        ["5", "B", "0", "1", "plots/a b.png"],
        ["4", "B", "0", "2", "table.csv"],
    ]


def test_outputs_as_json(cli, job, fake):
    code, out, _ = cli("outputs", "digits", "-o", "json")
    assert (code, json.loads(out)) == (0, fake.outputs)


def test_a_job_without_outputs_tells_how_to_have_some(cli, fake):
    fake.add_job()
    code, out, err = cli("outputs", "digits")
    assert (code, out) == (0, "")
    assert "outputs: [plots/*.png]" in err
    assert cli("outputs", "digits", "get")[0] == 3


@pytest.mark.parametrize("words", [("digits", "get"), ("get", "digits")])
def test_all_outputs_are_got_and_shown_by_their_path(cli, job, words):
    code, out, err = cli("outputs", *words)
    assert code == 0
    assert out.splitlines() == [
        f"{job}-outputs/{path}" for path in ("plots/loss.png", "plots/a b.png", "table.csv")
    ]
    assert "3 files, 13 B, verified" in err
    file = Path(f"{job}-outputs/plots/a b.png")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"\x89PNG2", 0o640)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["plots"], {"loss.png", "a b.png"}),
        (["*.csv"], {"table.csv"}),
        (["table.csv", "plots/l*"], {"table.csv", "loss.png"}),
    ],
)
def test_some_outputs_are_got_by_path_folder_or_pattern(cli, job, paths, names):
    assert cli("outputs", "digits", "get", *paths, "--to", "results")[0] == 0
    assert {path.name for path in Path("results").rglob("*") if path.is_file()} == names


def test_a_path_that_is_no_output_is_told(cli, job):
    code, _, err = cli("outputs", "digits", "get", "table.csv", "loss.png")
    assert code == 3
    assert "no output 'loss.png'" in err
    assert not list(Path().iterdir())


def test_what_is_here_is_not_got_again_and_what_differs_is_never_replaced(cli, job, fake):
    cli("outputs", "digits", "get", "--to", "r")
    Path("r/table.csv").unlink()
    fake.served.clear()
    code, _, err = cli("outputs", "digits", "get", "--to", "r")
    assert (code, fake.served) == (0, ["table.csv"])
    assert "1 file, 4 B, verified; 2 were here already" in err
    Path("r/table.csv").write_text("mine")
    code, _, err = cli("outputs", "digits", "get", "--to", "r")
    assert code == 5
    assert "r/table.csv exists already, with other contents" in err
    assert Path("r/table.csv").read_text() == "mine"


def test_files_of_other_nodes_have_folders_of_their_own(cli, fake):
    fake.add_job()
    output(fake, "x.csv", b"same")
    output(fake, "x.csv", b"same", rank=4)
    _, out, _ = cli("outputs", "digits", "get", "--to", "r")
    assert out.splitlines() == ["r/x.csv", "r/rank-4/x.csv"]


def test_a_damaged_file_is_told_and_not_left_here(cli, job, fake):
    fake.files["table.csv"] = b"damaged"
    code, _, err = cli("outputs", "digits", "get", "table.csv", "--to", "r")
    assert code == 1
    assert "table.csv came damaged" in err
    assert not list(Path("r").iterdir())


def test_other_words_are_told(cli, job):
    code, _, err = cli("outputs", "digits", "fetch")
    assert code == 2
    assert "what is 'fetch'?" in err
    assert "launcher outputs digits get" in err


def test_show_and_the_summary_of_a_run_tell_of_outputs(cli, job, capfdbinary):
    assert "3 files, 13 B" in cli("show", "digits")[1]
    client = Client()
    summary.tell(client, client.job("digits"))
    client.close()
    told = capfdbinary.readouterr().err.decode()
    assert "outputs       3 files, 13 B" in told
    assert f"launcher outputs {job} get" in told
