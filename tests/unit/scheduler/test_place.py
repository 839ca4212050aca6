from __future__ import annotations

import pytest

from launcher.model.job import Resources
from launcher.scheduler.floor import Floor
from launcher.scheduler.place import has_place, lacking, place
from launcher.scheduler.room import Room
from launcher.scheduler.state import ClusterView

GIB = 2**30


def fit(gang, nodes):
    return place(gang, Room.reported(nodes))


def left(nodes, *held):
    """What is free where these gangs hold something."""
    floor = Floor(ClusterView("local", tuple(nodes)))
    for number, running in enumerate(held):
        floor.hold(str(number), running)
    return floor.free


def gpus(workers, each=1, **more):
    return Resources(workers, gpus_per_worker=each, **more)


def test_pack_takes_as_few_nodes_as_possible(node):
    nodes = [node("a", free_gpus=2), node("b", free_gpus=4), node("c", free_gpus=2)]
    assert fit(gpus(4), nodes) == (("id-b", 4),)


def test_pack_takes_the_tightest_node_so_that_whole_nodes_stay_free(node):
    nodes = [node("a"), node("b", free_gpus=2), node("c", free_gpus=3)]
    assert fit(gpus(2), nodes) == (("id-b", 2),)


def test_pack_keeps_cpu_jobs_away_from_idle_gpus(node):
    nodes = [node("a", cpus=8), node("b", cpus=64, gpus=0)]
    assert fit(Resources(8), nodes) == (("id-b", 8),)


def test_pack_spares_idle_gpus_even_where_they_would_be_the_tighter_fit(node):
    nodes = [node(name, cpus=8) for name in "ab"] + [node(n, cpus=12, gpus=0) for n in "cd"]
    assert fit(Resources(16), nodes) == (("id-c", 8), ("id-d", 8))


def test_pack_puts_cpu_jobs_beside_busy_gpus(node):
    nodes = [node("a"), node("b", free_gpus=0)]
    assert fit(Resources(8), nodes) == (("id-b", 8),)


def test_equal_nodes_are_taken_in_the_order_of_their_ids(node):
    nodes = [node("c"), node("a"), node("b")]
    assert fit(gpus(8), nodes) == (("id-a", 4), ("id-b", 4))


def test_every_node_gets_the_same_number_of_ranks(node):
    nodes = [node("a", free_gpus=3), node("b", free_gpus=3)]
    assert fit(gpus(4), nodes) == (("id-a", 2), ("id-b", 2))
    assert fit(gpus(5), nodes) is None


def test_an_uneven_gang_takes_what_there_is(node):
    nodes = [node("a", free_gpus=2), node("b", free_gpus=3)]
    assert fit(gpus(5, uneven=True), nodes) == (("id-b", 3), ("id-a", 2))


def test_an_uneven_gang_is_as_equal_as_the_room_allows(node):
    nodes = [node("a", free_gpus=4), node("b", free_gpus=1), node("c", free_gpus=4)]
    ranks = fit(gpus(7, nodes=3, uneven=True), nodes)
    assert ranks == (("id-a", 3), ("id-c", 3), ("id-b", 1))


def test_an_uneven_gang_leaves_the_larger_of_two_nodes_that_would_do(node):
    nodes = [node("a", gpus=8), node("b", gpus=8), node("c", gpus=8, free_gpus=5)]
    assert fit(gpus(12, uneven=True), nodes) == (("id-a", 7), ("id-c", 5))


def test_an_uneven_gang_takes_a_small_node_only_if_the_others_hold_the_rest(node):
    nodes = [node("a", free_gpus=2), node("b", gpus=8, free_gpus=3), node("c", gpus=8)]
    assert fit(gpus(10, uneven=True), nodes) == (("id-c", 8), ("id-a", 2))
    assert fit(gpus(11, uneven=True), nodes) == (("id-c", 8), ("id-b", 3))


def test_the_node_with_most_ranks_comes_first(node):
    nodes = [node("a", free_gpus=1), node("b", free_gpus=3)]
    assert fit(gpus(4, uneven=True), nodes) == (("id-b", 3), ("id-a", 1))


def test_spread_takes_as_many_nodes_as_possible(node):
    nodes = [node(name) for name in "abc"]
    assert fit(gpus(4, placement="spread"), nodes) == (("id-a", 2), ("id-b", 2))
    assert fit(gpus(3, placement="spread"), nodes) == (("id-a", 1), ("id-b", 1), ("id-c", 1))


def test_spread_takes_the_roomiest_nodes(node):
    nodes = [node("a", free_gpus=1), node("b"), node("c", free_gpus=3)]
    assert fit(gpus(2, placement="spread"), nodes) == (("id-b", 1), ("id-c", 1))


def test_spread_spares_idle_gpus_where_rooms_are_equal(node):
    nodes = [node("a"), node("b", gpus=0), node("c", gpus=0)]
    assert fit(Resources(2, placement="spread"), nodes) == (("id-b", 1), ("id-c", 1))


def test_spread_takes_fewer_nodes_when_equal_ranks_need_it(node):
    nodes = [node("a"), node("b"), node("c", free_gpus=0)]
    assert fit(gpus(6, placement="spread"), nodes) == (("id-a", 3), ("id-b", 3))


def test_an_uneven_spread_uses_every_node_with_room(node):
    nodes = [node("a"), node("b"), node("c", free_gpus=1)]
    ranks = fit(gpus(5, placement="spread", uneven=True), nodes)
    assert ranks == (("id-a", 2), ("id-b", 2), ("id-c", 1))


def test_single_node_never_uses_a_second_one(node):
    nodes = [node("a"), node("b")]
    assert fit(gpus(4, placement="single_node"), nodes) == (("id-a", 4),)
    assert fit(gpus(8, placement="single_node"), nodes) is None


def test_nodes_is_an_exact_number(node):
    nodes = [node("a"), node("b"), node("c")]
    assert fit(gpus(2, nodes=2), nodes) == (("id-a", 1), ("id-b", 1))
    assert fit(gpus(4, nodes=4), nodes) is None


def test_workers_per_node_is_exact_unless_uneven(node):
    nodes = [node("a"), node("b"), node("c")]
    assert fit(gpus(4, workers_per_node=2), nodes) == (("id-a", 2), ("id-b", 2))
    uneven = gpus(5, workers_per_node=2, uneven=True)
    assert fit(uneven, nodes) == (("id-b", 2), ("id-c", 2), ("id-a", 1))


def test_every_resource_of_a_worker_counts(node):
    nodes = [node("a", free_cpus=3), node("b", total={"licence": 1})]
    assert fit(gpus(1, cpus_per_worker=4), nodes) == (("id-b", 1),)
    assert fit(gpus(1, custom={"licence": 1}), nodes) == (("id-b", 1),)
    assert fit(gpus(1, custom={"licence": 2}), nodes) is None
    assert fit(gpus(2, memory_per_worker=32 * GIB), nodes[:1]) == (("id-a", 2),)
    assert fit(gpus(3, memory_per_worker=32 * GIB, placement="single_node"), nodes) is None


def test_fractions_fit_as_exactly_as_ray_counts_them(node):
    assert 0.1 + 0.2 > 0.3
    assert fit(Resources(3, cpus_per_worker=0.1), [node("a", free_cpus=0.3)]) == (("id-a", 3),)
    assert fit(Resources(3, cpus_per_worker=0.1), [node("a", free_cpus=0.2999)]) is None
    assert 0.57 * 10_000 < 5700
    assert fit(Resources(4, cpus_per_worker=0.57), [node("a", free_cpus=2.2799)]) is None
    assert fit(Resources(4, cpus_per_worker=0.57), [node("a", free_cpus=2.28)]) is not None


def test_a_worker_that_needs_nothing_fits_everywhere(node):
    assert fit(Resources(2, cpus_per_worker=0), [node("a", free_cpus=0)]) == (("id-a", 2),)


def test_no_nodes_hold_no_gang():
    assert fit(Resources(1), []) is None


@pytest.mark.parametrize(
    "marked",
    [
        {"labels": {"ray.io/accelerator-type": "A100"}},
        {"labels": {"nvidia.com/gpu.product": "a100"}},
        {"total": {"accelerator_type:A100": 1}},
    ],
)
def test_an_accelerator_is_found_by_label_or_resource_in_any_case(node, marked):
    nodes = [node("a", labels={"ray.io/accelerator-type": "T4"}), node("b", **marked)]
    assert fit(gpus(1, accelerator="a100"), nodes) == (("id-b", 1),)
    assert fit(gpus(1, accelerator="A10"), nodes) is None


def test_labels_must_be_equal(node):
    nodes = [node("a", labels={"zone": "1"}), node("b", labels={"zone": "2", "disk": "ssd"})]
    assert fit(gpus(1, labels={"zone": "2", "disk": "ssd"}), nodes) == (("id-b", 1),)
    assert fit(gpus(1, labels={"zone": "1", "disk": "ssd"}), nodes) is None


def test_what_a_gang_takes_is_gone(node):
    room = Room.reported([node("a", free_gpus=3)])
    room.take(gpus(2), (("id-a", 2),))
    assert has_place(gpus(1), room)
    assert not has_place(gpus(2), room)


def test_a_grant_that_no_report_knows_yet_is_subtracted(node, running):
    unknown = running("bert", ("id-a", 3), gpus_per_worker=1, is_counted=False)
    assert not has_place(gpus(2), left([node("a")], unknown))


def test_a_grant_that_no_report_knows_yet_is_subtracted_from_what_strangers_left(node, running):
    unknown = running("bert", ("id-a", 1), gpus_per_worker=1, is_counted=False)
    assert not has_place(gpus(2), left([node("a", free_gpus=2)], unknown))


def test_a_grant_that_the_report_knows_is_not_subtracted_twice(node, running):
    known = running("bert", ("id-a", 2), gpus_per_worker=1)
    assert has_place(gpus(2), left([node("a", free_gpus=2)], known))


def test_no_node_is_freer_than_our_own_books_say(node, running):
    known = running("bert", ("id-a", 3), gpus_per_worker=1)
    assert not has_place(gpus(2), left([node("a", free_gpus=4)], known))


def test_a_grant_on_a_node_that_is_away_takes_nothing_elsewhere(node, running):
    away = running("bert", ("id-z", 4), gpus_per_worker=1, is_counted=False)
    assert has_place(gpus(4), left([node("a")], away))


def test_lacking_names_the_resource_that_is_short_by_itself(node):
    room = Room.reported([node("a", free_gpus=0)])
    assert lacking(gpus(1), room) == ("GPU",)


def test_lacking_names_all_when_only_together_they_have_no_place(node):
    room = Room.reported([node("a", free_gpus=0), node("b", free_cpus=0)])
    assert lacking(gpus(1), room) == ("CPU", "GPU")


def test_lacking_names_none_when_there_are_too_few_nodes(node):
    assert lacking(gpus(2, nodes=2), Room.reported([node("a")])) == ()
