# ruff: noqa: RUF001 - the sentences have a times sign
from __future__ import annotations

import pytest

from launcher.model.job import Resources
from launcher.scheduler.fits import never_fits

GIB = 2**30
LARGEST = "the largest node (node-a, cluster local) has 4 GPUs, 16 CPUs, 64 GiB of memory"


@pytest.fixture(scope="module")
def misfit(node, cluster):
    """(message, hint) of a gang on a cluster of two nodes of 4 GPUs, or None."""

    def run(**resources):
        a100 = {"ray.io/accelerator-type": "A100"}
        local = cluster(node("a", labels=a100), node("b", labels=a100))
        found = never_fits(Resources(**({"workers": 1} | resources)), [local], "any")
        return found and (found.message, found.hint)

    return run


def test_a_gang_that_fits_empty_nodes_may_wait_for_them(node, cluster):
    busy = cluster(node("a", free_gpus=0, free_cpus=0))
    assert never_fits(Resources(4, gpus_per_worker=1), [busy], "local") is None


def test_a_worker_larger_than_any_node(misfit):
    assert misfit(gpus_per_worker=8) == (
        f"needs 8 GPUs on one node; {LARGEST}",
        "lower resources.gpus_per_worker (now 8)",
    )


def test_a_worker_of_too_much_memory(misfit):
    assert misfit(memory_per_worker=128 * GIB) == (
        f"needs 128 GiB of memory on one node; {LARGEST}",
        "lower resources.memory_per_worker (now 128 GiB)",
    )


def test_a_resource_that_no_node_has(misfit):
    assert misfit(custom={"licence": 2}) == (
        f"needs 2 licence on one node; {LARGEST.replace('16', '0 licence, 16')}",
        "lower resources.custom.licence (now 2)",
    )


def test_more_workers_than_there_is_room_for(misfit):
    assert misfit(workers=6, gpus_per_worker=2) == (
        f"needs 6 workers × 2 GPUs; {LARGEST}; cluster local has 8 GPUs in all",
        "lower resources.workers (now 6)",
    )


def test_a_single_node_that_is_too_small(misfit):
    assert misfit(workers=4, gpus_per_worker=2, placement="single_node") == (
        f"needs 4 workers × 2 GPUs on one node; {LARGEST}",
        "remove resources.placement (now single_node)",
    )


def test_a_shape_that_does_not_fit_though_the_amounts_would(misfit):
    assert misfit(workers=6, gpus_per_worker=1, workers_per_node=6) == (
        f"needs 6 workers × 1 GPU, 6 on each node; {LARGEST}; cluster local has 8 GPUs in all",
        "remove resources.workers_per_node (now 6)",
    )


def test_equal_ranks_a_node_that_cannot_be(misfit):
    message, hint = misfit(workers=5, gpus_per_worker=1)
    assert message.startswith("needs 5 workers × 1 GPU, the same number on each node; ")
    assert hint.startswith("write resources.uneven: true")


def test_too_few_nodes(misfit):
    assert misfit(workers=3, nodes=3) == (
        "needs 3 nodes; cluster local has 2",
        "lower resources.nodes (now 3)",
    )
    assert misfit(workers=3, workers_per_node=1) == (
        "needs 3 nodes; cluster local has 2",
        "raise resources.workers_per_node (now 1), or lower resources.workers (now 3)",
    )


def test_an_accelerator_that_no_node_has(misfit):
    assert misfit(accelerator="H100") == (
        "needs H100 nodes; cluster local has none",
        "correct resources.accelerator; there is A100",
    )


def test_the_largest_node_is_one_that_matches(node, cluster):
    a100 = {"ray.io/accelerator-type": "A100"}
    local = cluster(node("a", gpus=2, labels=a100), node("b", gpus=8))
    gang = Resources(1, gpus_per_worker=4, accelerator="A100")
    assert str(never_fits(gang, [local], "any")) == (
        "needs 4 GPUs on one A100 node; the largest A100 node (node-a, cluster local) has "
        "2 GPUs, 16 CPUs, 64 GiB of memory"
    )


def test_a_label_that_no_node_has(misfit):
    assert misfit(labels={"zone": "1"}, accelerator="a100") == (
        "needs a100 nodes with zone=1; cluster local has none",
        "correct resources.labels, or put the labels on a node",
    )


def test_an_accelerator_where_no_node_says_what_it_has(node, cluster):
    found = never_fits(Resources(1, accelerator="H100"), [cluster(node("a"))], "any")
    assert found is not None
    assert found.hint == "remove resources.accelerator: no node says what it has"


def test_only_the_named_cluster_counts(node, cluster):
    clusters = [cluster(node("a")), cluster(node("b", gpus=8, cluster="prod"), name="prod")]
    gang = Resources(1, gpus_per_worker=8)
    assert never_fits(gang, clusters, "any") is None
    assert never_fits(gang, clusters, "prod") is None
    assert "cluster local" in str(never_fits(gang, clusters, "local"))


def test_any_cluster_is_told_by_the_largest_node_of_all(node, cluster):
    clusters = [cluster(node("a")), cluster(node("b", gpus=8, cluster="prod"), name="prod")]
    assert "(node-b, cluster prod) has 8 GPUs" in str(
        never_fits(Resources(1, gpus_per_worker=9), clusters, "any")
    )


def test_nothing_is_refused_before_the_cluster_is_known(node, cluster):
    gang = Resources(1, gpus_per_worker=80)
    assert never_fits(gang, [], "any") is None
    assert never_fits(gang, [cluster(node("a"))], "prod") is None
    assert never_fits(gang, [cluster()], "local") is None


def test_nothing_is_refused_for_a_cluster_that_does_not_answer(node, cluster):
    gang = Resources(1, gpus_per_worker=8)
    silent = cluster(node("b", gpus=4, cluster="prod"), name="prod", silent_s=40.0)
    large = cluster(node("c", gpus=8, cluster="big"), name="big", silent_s=40.0)
    assert never_fits(gang, [silent], "any") is None
    assert never_fits(gang, [cluster(node("a")), silent], "any") is not None
    assert never_fits(gang, [cluster(node("a")), large], "any") is None
