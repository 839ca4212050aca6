"""What a new user meets: a first spec out of his folder, and what tells him what he lacks."""

import contextlib

import pytest
import yaml

from launcher.cli.live import summary
from launcher.client import Client

TUTORIAL = """
import torch
from torch.nn.parallel import DistributedDataParallel as DDP

class Trainer:
    def __init__(self, model, snapshot_path):
        self.model, self.snapshot_path = DDP(model), snapshot_path

    def save(self):
        torch.save(self.model.state_dict(), self.snapshot_path)

def main(epochs, snapshot_path="snapshot.pt"):
    Trainer(torch.nn.Linear(1, 1), snapshot_path).save()
"""


@pytest.fixture
def proposed(cli, program):
    """The spec that `launcher init` writes for that program."""

    def propose():
        (program / "train.py").write_text(TUTORIAL)
        code, out, _ = cli("init", "-f", "-")
        assert code == 0
        return yaml.safe_load(out)

    return propose


def test_a_tutorials_snapshot_is_watched_though_its_path_is_a_parameter(proposed):
    assert proposed()["checkpoints"] == {"watch": ["snapshot.pt"]}


def test_a_link_to_data_elsewhere_is_proposed_and_that_of_an_environment_is_not(
    proposed, program, tmp_path_factory
):
    data, environment = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("environment")
    (environment / "pyvenv.cfg").touch()
    (program / "data").symlink_to(data)
    (program / ".venv").symlink_to(environment)
    (program / "env").symlink_to(environment)
    assert proposed()["links"] == {"data": str(data)}


def test_who_lacks_a_package_on_the_cluster_is_told_what_gives_it(fake, capsys):
    tail = "Traceback\nModuleNotFoundError: No module named 'torch.nn'\n"
    exits = [{"rank": 0, "code": 1, "tail": tail}]
    attempt = {"number": 1, "ending": "PROGRAM_FAILED", "first_failing": 0, "exits": exits}
    job = fake.add_job(state="FAILED", attempts=[attempt], attempt=attempt)
    with contextlib.closing(Client()) as client:
        summary.tell(client, client.job(job["id"]))
    err = capsys.readouterr().err
    assert "it ran with the cluster's own python" in err
    assert "requirements: [torch]" in err


def test_a_curve_that_is_not_there_is_told_with_those_that_are(cli, fake):
    job = fake.add_job()
    fake.series = [{"name": "loss", "rank": 0, "points": [[1, 0.5, 5.0, 1]]}]
    code, _, err = cli("metrics", job["id"], "loss", "los")
    assert code == 3
    assert "has no metric 'los'; did you mean loss" in err


def test_a_young_job_without_any_curve_is_no_mistake(cli, fake):
    code, _, err = cli("metrics", fake.add_job()["id"], "loss")
    assert (code, "no metrics" in err) == (0, True)
