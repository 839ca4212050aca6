"""What every framework file promises. A new one is in these tests by being there."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from pydantic import BaseModel

from launcher.frameworks import load, names
from launcher.frameworks.base import NODE_DECIDES, layered
from launcher.model.gang import Gang, GangNode
from launcher.model.launch import Entrypoint, Launch
from launcher.spec.frameworks import Keras, TensorFlow, is_one_process


def choices(section: type[BaseModel], key: str) -> tuple[str, ...]:
    """What a spec may say there; one literal, or none of it."""
    literal, _ = get_args(section.model_fields[key].annotation)
    return get_args(literal)


STRATEGIES = {
    "tensorflow": choices(TensorFlow, "strategy"),
    "keras": choices(Keras, "backend"),
}
WAYS = [(name, strategy) for name in names() for strategy in STRATEGIES.get(name, ("",))]
"""Framework and strategy."""
GPUS = (("2", "0", "10", "1"), ("3", "1", "0", "2"))
"""Of two nodes, as Ray may give them out: in no order."""


@pytest.fixture(params=WAYS, ids=lambda way: "-".join(filter(None, way)))
def launch(request: pytest.FixtureRequest) -> Launch:
    """Four workers with two GPUs each."""
    framework, strategy = request.param
    together = is_one_process(framework, strategy)
    return Launch(
        job_id="digits-k3m9ap",
        name="digits",
        framework=framework,
        strategy=strategy,
        entrypoint=Entrypoint("script", ("train.py",)),
        workers=4,
        gpus_per_worker=2,
        replicas_per_rank=4 if together else 1,
    )


def gang(launch: Launch, *, gpus: bool = True) -> Gang:
    """On two nodes; all workers of one process on one."""
    if launch.replicas_per_rank > 1:
        held = (tuple("73415062"),) if gpus else ((),)
        nodes = (GangNode(0, "10.0.0.1", 1, held[0], "eth0"),)
    else:
        listens = load(launch.framework).ranks_listen(launch)
        ports = ((20001, 20002), (20001, 20003)) if listens else ((), ())
        nodes = tuple(
            GangNode(i, f"10.0.0.{i + 1}", 2, GPUS[i] if gpus else (), "eth0", ports[i])
            for i in range(2)
        )
    return Gang("digits-k3m9ap", 2, nodes, 20001)


def environments(launch: Launch, of: Gang) -> list[dict[str, str]]:
    return [load(launch.framework).environment(launch, of, rank) for rank in of.ranks()]


def test_ranks_are_told_apart_and_how_many_they_are(launch: Launch) -> None:
    found = environments(launch, gang(launch))
    assert [env["RANK"] for env in found] == [str(number) for number in range(len(found))]
    assert {env["WORLD_SIZE"] for env in found} == {str(len(found))}
    assert len({(env["NODE_RANK"], env["LOCAL_RANK"]) for env in found}) == len(found)


def test_all_meet_at_one_place(launch: Launch) -> None:
    found = environments(launch, gang(launch))
    assert {(env["MASTER_ADDR"], env["MASTER_PORT"]) for env in found} == {("10.0.0.1", "20001")}


def test_a_rank_sees_gpus_of_its_own_node_and_at_least_its_own(launch: Launch) -> None:
    framework, of = load(launch.framework), gang(launch)
    for env, rank in zip(environments(launch, of), of.ranks(), strict=True):
        seen = env["CUDA_VISIBLE_DEVICES"].split(",")
        assert set(seen) <= set(rank.node.gpus)
        assert len(seen) == len(set(seen))
        assert tuple(seen) == framework.visible_gpus(launch, rank)
        alone = framework.sees_own_gpus(launch)
        assert len(seen) == (launch.gpus_per_worker if alone else len(rank.node.gpus))


def test_no_two_ranks_that_see_their_own_gpus_alone_share_one(launch: Launch) -> None:
    of = gang(launch)
    for node in of.nodes:
        here = [env for env in environments(launch, of) if env["NODE_RANK"] == str(node.index)]
        seen = [gpu for env in here for gpu in env["CUDA_VISIBLE_DEVICES"].split(",")]
        if load(launch.framework).sees_own_gpus(launch):
            assert sorted(seen) == sorted(node.gpus)


def test_a_job_without_gpus_sees_none_of_the_node(launch: Launch) -> None:
    bare = replace(launch, gpus_per_worker=0)
    for env in environments(bare, gang(bare, gpus=False)):
        assert env["CUDA_VISIBLE_DEVICES"] == ""


def test_nothing_that_a_user_writes_changes_who_a_rank_is(launch: Launch) -> None:
    of = gang(launch)
    plain = environments(launch, of)
    tells_apart = {key for key in plain[0] if len({env[key] for env in plain}) > 1}
    tells_apart |= {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "CUDA_VISIBLE_DEVICES"}
    meddled = replace(launch, env=dict.fromkeys(plain[0], "7"))
    for before, own in zip(plain, environments(meddled, of), strict=True):
        after = layered({}, meddled, own)
        assert {key: after[key] for key in tells_apart} == {key: before[key] for key in tells_apart}


def test_threads_and_interfaces_are_the_users_where_he_writes_them(launch: Launch) -> None:
    taste = {"OMP_NUM_THREADS": "16", **dict.fromkeys(NODE_DECIDES, "ib0")}
    written = replace(launch, env=taste)
    whole = layered({}, written, environments(written, gang(launch))[0])
    assert {key: whole[key] for key in taste} == taste


def test_an_environment_is_text_and_the_same_each_time(launch: Launch) -> None:
    of, given = gang(launch), dict(launch.env)
    found = environments(launch, of)
    assert found == environments(launch, of)
    assert launch.env == given
    assert all(type(value) is str for env in found for value in env.values())


def test_a_user_whose_ranks_never_met_is_told_what_makes_them(launch: Launch) -> None:
    assert load(launch.framework).how_to_meet.strip()


def test_ranks_that_listen_have_a_port_each_and_rank_0_is_where_all_meet(launch: Launch) -> None:
    if load(launch.framework).ranks_listen(launch):
        addresses = [rank.address for rank in gang(launch).ranks()]
        assert len(set(addresses)) == len(addresses)
        assert addresses[0] == "10.0.0.1:20001"
