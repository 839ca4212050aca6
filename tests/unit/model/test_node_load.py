import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.model.node_load import BUCKET_S, KEPT_S, LoadPoint, NodeLoad


def filled(*samples):
    node = NodeLoad()
    for at, values in samples:
        node.add(at, values)
    return node


def test_a_bucket_is_the_mean_of_its_samples():
    node = filled((30.0, {"node/cpu": 10.0}), (40.0, {"node/cpu": 20.0}), (60.0, {"node/cpu": 5.0}))
    assert node.points(70.0) == [LoadPoint(30.0, cpu=15.0), LoadPoint(60.0, cpu=5.0)]


def test_gpus_of_several_jobs_on_a_node_are_taken_together():
    node = filled(
        (0.0, {"gpu0/utilization": 100.0, "gpu0/power": 400.0, "gpu0/memory": 10.0}),
        (1.0, {"gpu1/utilization": 50.0, "gpu1/power": 300.0, "gpu1/memory": 20.0}),
        (5.0, {"gpu0/utilization": 80.0, "gpu0/power": 380.0, "gpu0/memory": 10.0}),
    )
    (point,) = node.points(10.0)
    assert (point.gpu, point.power, point.gpu_memory, point.gpus) == (70.0, 690.0, 30.0, 2)


def test_what_has_no_place_in_the_picture_is_left_out():
    node = filled((0.0, {"gpu0/temperature": 50.0, "node/load": 3.0, "node/memory_total": 64.0}))
    assert node.points(1.0) == [LoadPoint(0.0)]
    assert node.memory_total == 64.0


@given(st.lists(st.integers(0, 2 * KEPT_S), max_size=100))
def test_points_are_in_order_and_of_the_last_hour_alone(times):
    node = filled(*((float(at), {"node/cpu": 1.0}) for at in times))
    now = 2.0 * KEPT_S
    points = [point.at for point in node.points(now)]
    assert points == sorted(set(points))
    assert all(now - KEPT_S - BUCKET_S < at <= now for at in points)
    in_order = sorted(times) == times
    if in_order:
        expected = {at // BUCKET_S * BUCKET_S for at in times if at >= KEPT_S}
        assert set(points) == expected


def test_samples_of_an_outage_that_come_late_fill_their_gap():
    node = NodeLoad()
    for at in (*range(0, 300, 5), *range(900, 1200, 5), *range(300, 900, 5)):
        node.add(float(at), {"node/cpu": 1.0})
    assert [point.at for point in node.points(1200.0)] == list(range(0, 1200, BUCKET_S))


def test_a_shorter_time_is_asked_for():
    node = filled(*((float(at), {"node/cpu": 1.0}) for at in range(0, 600, 10)))
    assert [point.at for point in node.points(600.0, 60.0)] == [540.0, 570.0]
    assert node.points(600.0)[0].cpu == pytest.approx(1.0)
