"""What a submit tells of files: what it sent, what it left out, what runs without being sent."""

import json

import pytest


@pytest.fixture
def workdir(program):
    for name, size in {"a.pt": 2048, "data/big": 4096, ".venv/python": 1024, ".git/x": 9}.items():
        (program / name).parent.mkdir(exist_ok=True)
        (program / name).write_bytes(b"x" * size)
    (program / ".gitignore").write_text("*.pt\n/data/\n")
    return program


def test_what_was_left_out_is_told_in_a_line_with_how_much_it_is(cli, fake, workdir):
    _, _, err = cli("submit", "--", "train.py")
    (line,) = [line for line in err.splitlines() if line.startswith("left out")]
    assert line == (
        "left out: /data/ (.gitignore: 1 file, 4 KiB), *.pt (.gitignore: 1 file, 2 KiB), "
        ".venv/ (virtual environment: 1 file, 1 KiB); launcher validate -v names all"
    )


def test_verbose_names_every_path(cli, fake, workdir):
    _, _, err = cli("submit", "--verbose", "--", "train.py")
    told = err.splitlines()
    start = told.index("left out by .gitignore: /data/: 1 file, 4 KiB")
    assert told[start + 1] == "  data/"
    assert "left out by version control: 1 file, 9 B" in told


def test_validate_tells_what_a_submit_would_send_and_leave_out(cli, workdir):
    (workdir / "job.yaml").write_text("entrypoint: train.py\n")
    code, _, err = cli("validate", "job.yaml")
    assert code == 0
    assert "job.yaml: ok; a submit sends 3 files, 48 B" in err
    assert "left out: /data/" in err
    assert "  a.pt" in cli("validate", "-v", "job.yaml")[2]


def test_validate_complains_about_files_too(cli, program):
    (program / "job.yaml").write_text("entrypoint: train.py\nlinks: {data: /mnt/data}\n")
    (program / "data").mkdir()
    code, _, err = cli("validate", "job.yaml")
    assert code == 2
    assert "data/: stands where links.data shall be" in err


def test_a_job_in_place_sends_nothing(cli, fake, program):
    code, _, err = cli("submit", "--in-place", "--", "train.py")
    assert code == 0
    (job,) = fake.jobs.values()
    assert (job["spec"]["in_place"], job["spec"]["workdir"]) == (True, str(program))
    assert fake.packages == {}
    assert f"runs in place, in {program}" in err
    (program / "job.yaml").write_text("entrypoint: train.py\nin_place: true\n")
    assert "nothing is sent" in cli("validate", "job.yaml")[2]


def test_an_unchanged_folder_is_sent_once(cli, fake, program, monkeypatch):
    monkeypatch.setattr("launcher.spec.remembered._RACY_NS", -(10**12))
    for _ in range(2):
        assert cli("submit", "--", "train.py")[0] == 0
    puts = [path for method, path, _ in fake.requests if method == "PUT"]
    assert len(puts) == len(fake.packages) == 1


@pytest.mark.parametrize(
    ("flag", "reference"),
    [("other-abcdef@40", "other-abcdef@40"), ("last", "{own}"), ("-@7", "{own}@7")],
)
def test_from_names_the_job_to_begin_from(cli, fake, program, flag, reference):
    fake.add_job("theirs-000001", user="bob")
    own = fake.add_job("mine-000002", user="ada")["id"]
    del fake.jobs["theirs-000001"]
    code, out, _ = cli("submit", "--from", flag, "-o", "json", "--", "train.py")
    assert code == 0
    assert json.loads(out)["spec"]["from_job"] == reference.format(own=own)


def test_from_is_a_key_of_a_spec_too(cli, fake, program):
    (program / "job.yaml").write_text("entrypoint: train.py\n")
    cli("submit", "--from", "digits@4", "job.yaml")
    (job,) = fake.jobs.values()
    assert job["spec"]["from_job"] == "digits@4"
    code, _, err = cli("submit", "--from", "a b", "job.yaml")
    assert code == 2
    assert "'a b' is no job" in err
