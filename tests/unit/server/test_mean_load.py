"""What a cluster did, out of what its nodes did."""

from launcher.server.mean_load import mean_of, newest_of_nodes
from launcher.views_measured import ClusterLoad, NodeLoadView, NodesLoad


def node(name, xs, **columns):
    usual = dict.fromkeys(("cpu", "memory", "gpu", "gpu_memory", "power"), (None,) * len(xs))
    return NodeLoadView(name, name, 100.0, tuple(xs), **(usual | columns))


def test_nodes_count_alike_and_only_when_they_were_measured():
    one = node("a", [0.0, 30.0], cpu=(10.0, 20.0), memory=(50.0, 50.0), power=(300.0, 310.0))
    other = node("b", [30.0], cpu=(40.0,), memory=(100.0,), gpu=(90.0,), power=(100.0,))
    found = mean_of([one, other])
    assert (found.xs, found.nodes) == ((0.0, 30.0), (1, 2))
    assert (found.cpu, found.memory) == ((10.0, 30.0), (50.0, 75.0))
    assert (found.gpu, found.power) == ((None, 90.0), (300.0, 410.0))


def test_of_nothing_measured_there_is_no_mean():
    assert mean_of([]) == mean_of([node("a", [])])
    assert mean_of([]).xs == ()


def test_of_many_nodes_the_newest_points_are_told_and_the_mean_whole():
    one = node("a", [0.0, 30.0], cpu=(10.0, 20.0))
    load = NodesLoad(40.0, 30.0, (ClusterLoad("lab", (one, node("b", [])), mean_of([one])),))
    (cluster,) = newest_of_nodes(load).clusters
    assert [(each.xs, each.cpu) for each in cluster.nodes] == [((30.0,), (20.0,)), ((), ())]
    assert cluster.mean.cpu == (10.0, 20.0)
