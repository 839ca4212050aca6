"""What JAX looks for, and what Keras runs on, with fake GPUs and without either."""

from __future__ import annotations

from dataclasses import replace

import pytest

from launcher.frameworks import load
from launcher.model.gang import Gang, GangNode
from launcher.model.launch import Entrypoint, Launch

LAUNCH = Launch(
    job_id="digits-k3m9ap",
    name="digits",
    framework="jax",
    entrypoint=Entrypoint("script", ("train.py",)),
    workers=4,
    gpus_per_worker=2,
)
GANG = Gang(
    "digits-k3m9ap",
    1,
    (
        GangNode(0, "10.0.0.1", 2, ("3", "2", "1", "0"), "eth0"),
        GangNode(1, "10.0.0.2", 2, ("4", "5", "6", "7"), "eth0"),
    ),
    29400,
)


def environments(launch: Launch, gang: Gang = GANG) -> list[dict[str, str]]:
    framework = load(launch.framework)
    return [framework.environment(launch, gang, rank) for rank in gang.ranks()]


def on(strategy: str) -> Launch:
    return replace(LAUNCH, framework="keras", strategy=strategy)


@pytest.mark.parametrize("launch", [LAUNCH, on("jax")], ids=["jax", "keras"])
def test_jax_is_told_coordinator_number_and_id_in_the_ways_it_knows(launch: Launch) -> None:
    third = environments(launch)[2]
    told = {
        "JAX_COORDINATOR_ADDRESS": "10.0.0.1:29400",
        "JAX_NUM_PROCESSES": "4",
        "JAX_PROCESS_ID": "2",
        "JAX_LOCAL_DEVICE_IDS": "0,1",
        "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo",
        "OMPI_MCA_orte_hnp_uri": "launcher;tcp://10.0.0.1:29400",
        "OMPI_COMM_WORLD_SIZE": "4",
        "OMPI_COMM_WORLD_RANK": "2",
        "OMPI_COMM_WORLD_LOCAL_RANK": "0",
    }
    assert {name: third[name] for name in told} == told


@pytest.mark.parametrize("launch", [LAUNCH, on("jax")], ids=["jax", "keras"])
def test_jax_finds_its_coordinator_there_because_rank_0_starts_first(launch: Launch) -> None:
    cold, warm = (
        load(launch.framework).head_start_s(launch, warm=is_warm) for is_warm in (False, True)
    )
    assert cold > 0.2
    assert 0.05 <= warm < cold, "imports that two ranks end at different times are past"
    assert load("keras").head_start_s(on("torch"), warm=False) == 0.0
    assert load("pytorch").head_start_s(replace(LAUNCH, framework="pytorch"), warm=False) == 0.0


@pytest.mark.parametrize("launch", [LAUNCH, on("jax")], ids=["jax", "keras"])
def test_a_process_of_jax_sees_its_own_gpus_and_takes_them_all(launch: Launch) -> None:
    found = [env["CUDA_VISIBLE_DEVICES"] for env in environments(launch)]
    assert found == ["0,1", "2,3", "4,5", "6,7"]
    assert {env["JAX_LOCAL_DEVICE_IDS"] for env in environments(launch)} == {"0,1"}


def test_jax_without_gpus_is_given_no_device_numbers() -> None:
    cpus = replace(LAUNCH, gpus_per_worker=0)
    gang = replace(GANG, nodes=tuple(replace(node, gpus=()) for node in GANG.nodes))
    for env in environments(cpus, gang):
        assert env["CUDA_VISIBLE_DEVICES"] == ""
        assert "JAX_LOCAL_DEVICE_IDS" not in env


def test_the_user_chooses_other_collectives_for_cpus() -> None:
    launch = replace(LAUNCH, env={"JAX_CPU_COLLECTIVES_IMPLEMENTATION": "mpi"})
    assert "JAX_CPU_COLLECTIVES_IMPLEMENTATION" not in environments(launch)[0]


def test_keras_on_torch_gets_torchruns_set_and_sees_all_gpus_of_its_node() -> None:
    torchruns = [load("pytorch").environment(on("torch"), GANG, rank) for rank in GANG.ranks()]
    own = [env | {"KERAS_BACKEND": "torch"} for env in torchruns]
    assert environments(on("torch")) == own


def test_keras_on_tensorflow_is_one_process_with_the_gpus_of_all_workers() -> None:
    launch = replace(on("tensorflow"), gpus_per_worker=1, replicas_per_rank=4)
    gang = Gang("j", 1, (GangNode(0, "10.0.0.1", 1, ("0", "1", "2", "3")),), 29400)
    [env] = environments(launch, gang)
    assert (env["KERAS_BACKEND"], env["WORLD_SIZE"]) == ("tensorflow", "1")
    assert env["CUDA_VISIBLE_DEVICES"] == "0,1,2,3"
    assert "JAX_PROCESS_ID" not in env
