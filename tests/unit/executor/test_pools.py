"""By what a cluster could grow, out of what Ray's two autoscalers say."""

from __future__ import annotations

from launcher.executor.pools import (
    REFUSED,
    TROUBLE_S,
    Said,
    in_pools,
    pools_of,
    said_by_first,
    said_by_second,
    smaller,
)
from launcher.model.node import NodeReport
from launcher.model.pools import Pool, Pools

CONFIG = {
    "head_node_type": "head",
    "max_workers": 5,
    "available_node_types": {
        "head": {"resources": {"CPU": 0}, "max_workers": 0},
        "gpu": {
            "resources": {"CPU": 8, "GPU": 1, "memory": 100},
            "labels": {"ray.io/market-type": "spot"},
            "max_workers": 4,
        },
        "cpu": {"resources": {"CPU": 16}},
        "unknown": {"resources": {}, "max_workers": 9},
    },
}


def node(name, pool="", **total):
    return NodeReport(name, f"host-{name}", f"10.0.0.{name}", total, total, pool=pool)


def test_what_is_there_and_what_comes_is_counted():
    nodes = [node("0", "head"), node("1", "gpu"), node("2")]
    assert pools_of(CONFIG, nodes, Said(coming={"gpu": 2, "cpu": 9}), {}) == Pools(
        (
            Pool("cpu", {"CPU": 16.0}, {}, most=5, more=5, coming=5),
            Pool(
                "gpu",
                {"CPU": 8.0, "GPU": 1.0, "memory": 100.0},
                {"ray.io/market-type": "spot"},
                most=4,
                more=3,
                coming=2,
            ),
        ),
        more=4,
    )


def test_a_pool_promises_no_more_than_its_nodes_were_seen_to_have():
    seen = smaller({}, [node("1", "gpu", CPU=8, GPU=1, memory=70), node("2", CPU=1)])
    seen = smaller(seen, [node("3", "gpu", CPU=8, GPU=1, memory=80)])
    assert seen == {"gpu": {"CPU": 8, "GPU": 1, "memory": 70}}
    _, gpu = pools_of(CONFIG, [], Said(), seen).pools
    assert gpu.resources["memory"] == 70


def test_a_pool_that_is_over_its_bound_gets_no_more():
    nodes = [node(str(at), "gpu") for at in range(6)]
    pools = pools_of(CONFIG, nodes, Said(coming={"gpu": 1}), {})
    assert pools.more == 0
    assert [(pool.more, pool.coming) for pool in pools.pools] == [(5, 0), (0, 0)]
    assert not pools.can_grow


def test_nodes_are_known_by_their_id_or_their_address():
    nodes = in_pools([node("1"), node("2"), node("3")], {"1": "gpu", "10.0.0.2": "cpu"})
    assert [one.pool for one in nodes] == ["gpu", "cpu", ""]


def test_the_first_autoscaler_is_understood():
    said = said_by_first(
        {
            "autoscaler_report": {
                "active_nodes": {"head": 1},
                "pending_nodes": [["10.0.0.7", "gpu", "waiting-for-ssh"]],
                "pending_launches": {"gpu": 1, "cpu": 2},
                "node_availability_summary": {
                    "node_availabilities": {
                        "gpu": {
                            "is_available": False,
                            "unavailable_node_information": {
                                "category": "InsufficientInstanceCapacity",
                                "description": "There is no\n capacity",
                            },
                        },
                        "cpu": {"is_available": True, "unavailable_node_information": None},
                    }
                },
                "node_type_mapping": {"10.0.0.1": "head"},
            }
        }
    )
    assert said.coming == {"gpu": 2, "cpu": 2}
    assert said.trouble == {"gpu": "InsufficientInstanceCapacity: There is no capacity"}
    assert said.pool_of == {"10.0.0.1": "head"}
    assert not said.heeds_labels
    assert said_by_first({}) == Said()


def test_the_second_autoscaler_is_understood():
    state = {
        "pending_instance_requests": [{"ray_node_type_name": "gpu", "count": 2}],
        "pending_instances": [{"ray_node_type_name": "gpu", "instance_id": "i-1"}],
        "failed_instance_requests": [
            {"ray_node_type_name": "gpu", "failed_ts": "1000", "reason": "quota"},
            {"ray_node_type_name": "gpu", "failed_ts": "900", "reason": "long ago"},
            {"ray_node_type_name": "cpu", "failed_ts": str(1000 - int(TROUBLE_S))},
        ],
    }
    said = said_by_second({"autoscaling_state": state}, now=1000.0)
    assert (said.coming, said.trouble) == ({"gpu": 3}, {"gpu": "quota"})
    assert not said.refuses
    assert said_by_second({}, now=0.0) == Said(heeds_labels=True)


def test_what_the_second_one_refuses_is_told():
    state = {"infeasible_cluster_resource_constraints": [{"resource_requests": []}]}
    said = said_by_second({"autoscaling_state": state}, now=0.0)
    assert pools_of(CONFIG, [], said, {}).trouble == REFUSED


def test_what_a_cloud_says_at_length_is_cut():
    record = {"is_available": False, "unavailable_node_information": {"category": "x" * 900}}
    report = {"node_availability_summary": {"node_availabilities": {"gpu": record}}}
    text = said_by_first({"autoscaler_report": report}).trouble["gpu"]
    assert len(text) == 200
    assert text.endswith("…")
