"""What the ranks of a Horovod gang are told; the real Horovod is in tests/frameworks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from launcher.frameworks import load
from launcher.frameworks.base import layered
from launcher.model.gang import Gang, GangNode
from launcher.model.launch import Entrypoint, Launch

LAUNCH = Launch(
    job_id="digits-k3m9ap",
    name="digits",
    framework="horovod",
    entrypoint=Entrypoint("script", ("train.py",)),
    workers=5,
)
HOROVOD = load("horovod")


def gang(*ranks: int, interface: str = "eth0", address: str = "10.0.0.{}") -> Gang:
    nodes = tuple(
        GangNode(index, address.format(index + 1), count, ("0", "1"), interface)
        for index, count in enumerate(ranks)
    )
    return Gang("digits-k3m9ap", 1, nodes, 29400)


def environments(of: Gang, launch: Launch = LAUNCH) -> list[dict[str, str]]:
    return [HOROVOD.environment(launch, of, rank) for rank in of.ranks()]


def test_a_rank_gets_the_whole_set_of_horovodrun() -> None:
    found = environments(gang(2, 2))[3]
    assert {key: value for key, value in found.items() if key.startswith("HOROVOD_")} == {
        "HOROVOD_HOSTNAME": "10.0.0.2-1",
        "HOROVOD_RANK": "3",
        "HOROVOD_SIZE": "4",
        "HOROVOD_LOCAL_RANK": "1",
        "HOROVOD_LOCAL_SIZE": "2",
        "HOROVOD_CROSS_RANK": "1",
        "HOROVOD_CROSS_SIZE": "2",
        "HOROVOD_CONTROLLER": "gloo",
        "HOROVOD_CPU_OPERATIONS": "gloo",
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": "10.0.0.1",
        "HOROVOD_GLOO_RENDEZVOUS_PORT": "29400",
        "HOROVOD_GLOO_IFACE": "eth0",
        "HOROVOD_GLOO_TIMEOUT_SECONDS": "600",
    }


def test_one_program_may_ask_either_set() -> None:
    for found in environments(gang(3, 2)):
        assert found["RANK"] == found["HOROVOD_RANK"]
        assert found["LOCAL_RANK"] == found["HOROVOD_LOCAL_RANK"]
        assert found["WORLD_SIZE"] == found["HOROVOD_SIZE"]
        assert found["CUDA_VISIBLE_DEVICES"] == "0,1"  # of its node: it takes that of local_rank()


def test_ranks_of_uneven_nodes_are_counted_across_as_horovodrun_counts_them() -> None:
    """As `get_host_assignments(parse_hosts("a:1,b:3,c:2"), 6)` of Horovod 0.28.1 gives them."""
    numbers = ("RANK", "LOCAL_RANK", "LOCAL_SIZE", "CROSS_RANK", "CROSS_SIZE")
    found = [
        tuple(int(env[f"HOROVOD_{name}"]) for name in numbers)
        for env in environments(gang(1, 3, 2))
    ]
    assert found == [
        (0, 0, 1, 0, 3),
        (1, 0, 3, 1, 3),
        (2, 1, 3, 0, 2),
        (3, 2, 3, 0, 1),
        (4, 0, 2, 2, 3),
        (5, 1, 2, 1, 2),
    ]


def test_nodes_that_share_an_address_are_hosts_of_their_own() -> None:
    found = environments(gang(2, 2, address="127.0.0.1"))
    hosts = [env["HOROVOD_HOSTNAME"] for env in found]
    assert hosts[0] == hosts[1] != hosts[2] == hosts[3]


def test_the_user_sets_what_is_a_matter_of_taste_and_no_rank() -> None:
    own = {
        "HOROVOD_GLOO_IFACE": "ib0",
        "HOROVOD_GLOO_TIMEOUT_SECONDS": "20",
        "HOROVOD_CPU_OPERATIONS": "ccl",
        "HOROVOD_FUSION_THRESHOLD": "0",
        "HOROVOD_LOCAL_RANK": "7",
    }
    launch = replace(LAUNCH, env=own)
    found = layered({}, launch, environments(gang(2), launch)[0])
    assert {key: found[key] for key in own} == own | {"HOROVOD_LOCAL_RANK": "0"}


@pytest.mark.parametrize(("start_s", "timeout"), [(600.0, "600"), (90.5, "90"), (5.0, "30")])
def test_a_rank_is_waited_for_as_long_as_a_job_may_take_to_start(
    start_s: float, timeout: str
) -> None:
    launch = replace(LAUNCH, start_timeout_s=start_s)
    assert environments(gang(1), launch)[0]["HOROVOD_GLOO_TIMEOUT_SECONDS"] == timeout


def test_an_unknown_interface_is_left_to_gloo() -> None:
    assert "HOROVOD_GLOO_IFACE" not in environments(gang(1, interface=""))[0]
