"""Which environment a rank gets, with fake GPUs; the real torchrun is in tests/integration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from launcher.frameworks import load
from launcher.frameworks.base import Framework, layered
from launcher.model.gang import Gang, GangNode
from launcher.model.launch import Entrypoint, Launch

LAUNCH = Launch(
    job_id="digits-k3m9ap",
    name="digits",
    framework="pytorch",
    entrypoint=Entrypoint("script", ("train.py", "--epochs", "5"), ("-u",)),
    workers=8,
    gpus_per_worker=1,
    cpus_per_worker=3,
    max_restarts=2,
)


def gang(*gpus: tuple[str, ...], ranks: int = 4, interface: str = "eth0") -> Gang:
    nodes = tuple(
        GangNode(index, f"10.0.0.{index + 1}", ranks, ids, interface)
        for index, ids in enumerate(gpus)
    )
    return Gang("digits-k3m9ap", 3, nodes, 29400)


TWO_NODES = gang(("0", "1", "2", "3"), ("0", "1", "2", "3"))


@pytest.fixture(params=["pytorch", "command"])
def framework(request: pytest.FixtureRequest) -> Framework:
    return load(request.param)


def environments(
    framework: Framework, of: Gang = TWO_NODES, launch: Launch = LAUNCH
) -> list[dict[str, str]]:
    return [framework.environment(launch, of, rank) for rank in of.ranks()]


def test_a_rank_gets_the_whole_set_of_torchrun(framework: Framework) -> None:
    assert environments(framework)[6] == {
        "RANK": "6",
        "LOCAL_RANK": "2",
        "WORLD_SIZE": "8",
        "LOCAL_WORLD_SIZE": "4",
        "GROUP_RANK": "1",
        "GROUP_WORLD_SIZE": "2",
        "NODE_RANK": "1",
        "ROLE_NAME": "default",
        "ROLE_RANK": "6",
        "ROLE_WORLD_SIZE": "8",
        "MASTER_ADDR": "10.0.0.1",
        "MASTER_PORT": "29400",
        "TORCHELASTIC_RUN_ID": "digits-k3m9ap",
        "TORCHELASTIC_RESTART_COUNT": "2",
        "TORCHELASTIC_MAX_RESTARTS": "2",
        "TORCHELASTIC_USE_AGENT_STORE": "False",
        "TORCH_NCCL_ASYNC_ERROR_HANDLING": "1",
        "OMP_NUM_THREADS": "3",
        "GLOO_SOCKET_IFNAME": "eth0",
        "NCCL_SOCKET_IFNAME": "eth0",
        "CUDA_VISIBLE_DEVICES": "0,1,2,3",
    }


def test_ranks_are_distinct_and_share_one_meeting_place(framework: Framework) -> None:
    found = environments(framework)
    assert [env["RANK"] for env in found] == [str(number) for number in range(8)]
    assert len({(env["NODE_RANK"], env["LOCAL_RANK"]) for env in found}) == 8
    assert {(env["MASTER_ADDR"], env["MASTER_PORT"]) for env in found} == {("10.0.0.1", "29400")}


def test_uneven_nodes_are_numbered_through(framework: Framework) -> None:
    uneven = Gang(
        "j", 1, (GangNode(0, "10.0.0.1", 1, ("3",)), GangNode(1, "10.0.0.2", 2, ("0", "1"))), 1
    )
    found = [
        (env["RANK"], env["LOCAL_RANK"], env["LOCAL_WORLD_SIZE"], env["CUDA_VISIBLE_DEVICES"])
        for env in environments(framework, uneven)
    ]
    assert found == [("0", "0", "1", "3"), ("1", "0", "2", "0,1"), ("2", "1", "2", "0,1")]


@pytest.mark.parametrize(
    ("given", "visible"),
    [
        (("2", "0", "3", "1"), "0,1,2,3"),
        (("10", "9", "2", "1"), "1,2,9,10"),
        (("7", "5", "1", "0"), "0,1,5,7"),
        (("GPU-b7", "GPU-0c", "GPU-a1", "GPU-f9"), "GPU-0c,GPU-a1,GPU-b7,GPU-f9"),
        (("MIG-2", "1", "MIG-1", "0"), "0,1,MIG-1,MIG-2"),
        ((), ""),
    ],
    ids=["unsorted", "two digits", "with gaps", "UUIDs", "mixed", "none"],
)
def test_every_rank_sees_all_gpus_of_its_own_node_in_order(
    framework: Framework, given: tuple[str, ...], visible: str
) -> None:
    layout = gang(given, ("4", "5", "6", "7"))
    found = [env["CUDA_VISIBLE_DEVICES"] for env in environments(framework, layout)]
    assert found == [visible] * 4 + ["4,5,6,7"] * 4
    assert framework.visible_gpus(LAUNCH, layout.on_node(0)[3]) == tuple(
        visible.split(",") if visible else ()
    )


def test_the_user_sets_threads_and_interfaces_but_not_ranks(framework: Framework) -> None:
    user = {
        "OMP_NUM_THREADS": "16",
        "NCCL_SOCKET_IFNAME": "ib0",
        "TORCH_NCCL_ASYNC_ERROR_HANDLING": "0",
        "RANK": "99",
        "MASTER_ADDR": "elsewhere",
        "CUDA_VISIBLE_DEVICES": "7",
        "OWN": "1",
    }
    launch = replace(LAUNCH, env=user)
    own = environments(framework, launch=launch)[0]
    whole = layered({}, launch, own)
    assert whole["OMP_NUM_THREADS"] == "16"
    assert whole["NCCL_SOCKET_IFNAME"] == "ib0"
    assert whole["GLOO_SOCKET_IFNAME"] == "eth0"
    assert whole["TORCH_NCCL_ASYNC_ERROR_HANDLING"] == "0"
    assert whole["OWN"] == "1"
    assert whole["RANK"] == "0"
    assert whole["MASTER_ADDR"] == "10.0.0.1"
    assert whole["CUDA_VISIBLE_DEVICES"] == "0,1,2,3"


def test_the_nodes_own_environment_decides_on_interfaces_only(framework: Framework) -> None:
    node = {"GLOO_SOCKET_IFNAME": "bond0", "OMP_NUM_THREADS": "1", "PATH": "/bin", "RANK": "5"}
    whole = layered(node, LAUNCH, environments(framework)[0])
    assert whole["GLOO_SOCKET_IFNAME"] == "bond0"
    assert whole["NCCL_SOCKET_IFNAME"] == "eth0"
    assert whole["OMP_NUM_THREADS"] == "3"
    assert whole["PATH"] == "/bin"
    assert whole["RANK"] == "0"


def test_an_unknown_interface_is_left_to_the_library(framework: Framework) -> None:
    found = environments(framework, gang((), interface=""))[0]
    assert not {"GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"} & set(found)


def test_a_worker_without_a_cpu_of_its_own_has_one_thread(framework: Framework) -> None:
    launch = replace(LAUNCH, cpus_per_worker=0)
    assert environments(framework, launch=launch)[0]["OMP_NUM_THREADS"] == "1"


def test_a_program_runs_as_its_author_runs_it(framework: Framework) -> None:
    assert framework.argv(LAUNCH, "/opt/python") == [
        "/opt/python", "-u", "train.py", "--epochs", "5",
    ]  # fmt: skip
    shell = replace(LAUNCH, entrypoint=Entrypoint("shell", ("nvidia-smi; ./run",)))
    assert framework.argv(shell, "/opt/python") == ["bash", "-e", "-c", "nvidia-smi; ./run"]
