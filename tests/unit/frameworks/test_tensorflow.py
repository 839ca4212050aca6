"""What TensorFlow's processes get, with fake GPUs and without TensorFlow."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from launcher.frameworks import load
from launcher.model.gang import Gang, GangNode
from launcher.model.launch import Entrypoint, Launch

MIRRORED = Launch(
    job_id="digits-k3m9ap",
    name="digits",
    framework="tensorflow",
    strategy="mirrored",
    entrypoint=Entrypoint("script", ("train.py",)),
    workers=4,
    gpus_per_worker=2,
    cpus_per_worker=3,
    replicas_per_rank=4,
)
SEVERAL = replace(MIRRORED, strategy="multi_worker_mirrored", replicas_per_rank=1)
ONE_PROCESS = Gang(
    "digits-k3m9ap", 1, (GangNode(0, "10.0.0.1", 1, tuple("76543210"), "eth0"),), 29400
)
FOUR_PROCESSES = Gang(
    "digits-k3m9ap",
    1,
    (
        GangNode(0, "10.0.0.1", 2, ("10", "9", "1", "0"), "eth0", (20001, 20002)),
        GangNode(1, "10.0.0.2", 2, ("0", "1", "2", "3"), "eth0", (20001, 20003)),
    ),
    20001,
)
WORKERS = ["10.0.0.1:20001", "10.0.0.1:20002", "10.0.0.2:20001", "10.0.0.2:20003"]


def environments(launch: Launch, gang: Gang) -> list[dict[str, str]]:
    framework = load("tensorflow")
    return [framework.environment(launch, gang, rank) for rank in gang.ranks()]


def test_one_process_sees_the_gpus_and_has_the_cpus_of_all_workers() -> None:
    [env] = environments(MIRRORED, ONE_PROCESS)
    assert env["CUDA_VISIBLE_DEVICES"] == "0,1,2,3,4,5,6,7"
    assert (env["WORLD_SIZE"], env["OMP_NUM_THREADS"]) == ("1", "12")
    assert "TF_CONFIG" not in env


def test_each_of_several_processes_is_told_all_and_which_it_is() -> None:
    configs: list[dict[str, Any]] = [
        json.loads(env["TF_CONFIG"]) for env in environments(SEVERAL, FOUR_PROCESSES)
    ]
    assert [config["cluster"] for config in configs] == [{"worker": WORKERS}] * 4
    assert [config["task"] for config in configs] == [
        {"type": "worker", "index": index} for index in range(4)
    ]


def test_rank_0_which_is_the_chief_listens_where_all_meet() -> None:
    [first, *_] = environments(SEVERAL, FOUR_PROCESSES)
    assert f"{first['MASTER_ADDR']}:{first['MASTER_PORT']}" == WORKERS[0]


def test_each_of_several_processes_sees_its_own_gpus_alone() -> None:
    found = [env["CUDA_VISIBLE_DEVICES"] for env in environments(SEVERAL, FOUR_PROCESSES)]
    assert found == ["0,1", "9,10", "0,1", "2,3"]


def test_without_gpus_none_is_seen() -> None:
    launch = replace(SEVERAL, gpus_per_worker=0)
    assert {env["CUDA_VISIBLE_DEVICES"] for env in environments(launch, FOUR_PROCESSES)} >= {""}
    node = GangNode(0, "10.0.0.1", 1, ports=(20001,))
    [env] = environments(launch, Gang("j", 1, (node,), 20001))
    assert env["CUDA_VISIBLE_DEVICES"] == ""


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    node = GangNode(0, "fd00::1", 1, ports=(20001,))
    [env] = environments(SEVERAL, Gang("j", 1, (node,), 20001))
    assert json.loads(env["TF_CONFIG"])["cluster"] == {"worker": ["[fd00::1]:20001"]}


@pytest.mark.parametrize("launch", [MIRRORED, SEVERAL])
def test_every_process_gets_torchruns_set_too(launch: Launch) -> None:
    gang = ONE_PROCESS if launch is MIRRORED else FOUR_PROCESSES
    own = environments(launch, gang)
    torchruns = [load("pytorch").environment(launch, gang, rank) for rank in gang.ranks()]
    for mine, its in zip(own, torchruns, strict=True):
        assert its.keys() <= mine.keys()
        assert {k: v for k, v in mine.items() if k in its and k != "CUDA_VISIBLE_DEVICES"} == {
            k: v for k, v in its.items() if k != "CUDA_VISIBLE_DEVICES"
        }


def test_keras_runs_on_tensorflow_unless_the_user_says_otherwise() -> None:
    assert environments(MIRRORED, ONE_PROCESS)[0]["KERAS_BACKEND"] == "tensorflow"
    launch = replace(MIRRORED, env={"KERAS_BACKEND": "jax"})
    assert "KERAS_BACKEND" not in environments(launch, ONE_PROCESS)[0]


def test_only_processes_of_tf_config_have_ports_of_their_own() -> None:
    framework = load("tensorflow")
    assert (framework.ranks_listen(SEVERAL), framework.ranks_listen(MIRRORED)) == (True, False)
