"""What agents measure, as the server shows it: series, nodes over time, ranks that are slow."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from players import node
from sampled import NOW, measured, report, samples


def test_samples_are_series_of_their_own_kind(server, agent, job):
    agent.points(1, loss=0.5)
    samples(agent, measured(NOW), measured(NOW + 5, cpu=70.0))
    names = [one["name"] for one in server.get(f"/jobs/{job}/series", kind="system")["series"]]
    assert names == ["node/cpu", "node/memory", "node/memory_total", "rank/cpu", "rank/memory"]
    (curve,) = server.get(f"/jobs/{job}/curves", kind="system", x="time", name="node/cpu")["curves"]
    assert (curve["kind"], curve["xs"], curve["ys"]) == ("system", [NOW, NOW + 5], [50.0, 70.0])


def test_what_reads_reports_sees_no_sample(server, agent, job):
    samples(agent, measured(NOW))
    assert server.get(f"/jobs/{job}/metrics")["series"] == []
    assert server.get(f"/jobs/{job}/series")["series"] == []
    shown = server.show(job)
    assert (shown["latest"], shown["progress"]) == ({}, None)


def test_an_attempt_that_resumed_keeps_what_was_measured_of_the_one_before(server, agent, job):
    """Reports of steps that are done again are replaced; what a node did is done."""
    samples(agent, measured(NOW), measured(NOW + 5))
    samples(agent, measured(NOW + 2), attempt=2)
    (curve,) = server.get(f"/jobs/{job}/curves", kind="system", x="time", name="node/cpu")["curves"]
    assert curve["xs"] == [NOW, NOW + 2, NOW + 5]


def test_a_job_shows_what_its_ranks_and_nodes_took(server, agent, job):
    gpu = {"gpu0/utilization": 80.0, "gpu1/utilization": 60.0, "gpu0/memory": 7e9}
    samples(agent, measured(NOW, **gpu), measured(NOW + 5, cpu=70.0))
    shown = server.show(job)
    assert shown["rank_usage"] == [{"rank": 0, "cpu": 90.0, "peak_memory": 10**9}]
    assert shown["node_usage"] == [
        {"index": 0, "cpu": 60.0, "gpu": 70.0, "gpus": 2, "peak_gpu_memory": 7 * 10**9}
    ]


# --- nodes over time -----------------------------------------------------------------------------


def load(server, **query):
    (cluster,) = server.get("/nodes/load", **query)["clusters"]
    return {one["node_id"]: one for one in cluster["nodes"]}


def test_nodes_are_shown_over_time_by_what_jobs_measured_there(server, executor, agent, job):
    agent.sync(attempt=1, started=1)
    executor.report(node("n1"), node("n2"))
    gpu = {"gpu0/utilization": 80.0, "gpu0/power": 300.0}
    samples(agent, *(measured(NOW - 60 + 5 * n, **gpu) for n in range(12)))
    seen = load(server)
    assert seen["n1"]["label"] == "host-of-n1"
    assert seen["n1"]["xs"] == [NOW - 80, NOW - 50, NOW - 20]
    assert seen["n1"]["cpu"] == [50.0] * 3
    assert (seen["n1"]["gpu"][-1], seen["n1"]["power"][-1]) == (80.0, 300.0)
    assert seen["n1"]["memory_total"] == 8e9
    assert seen["n2"]["xs"] == []


def test_what_comes_after_the_first_look_is_added_as_what_was_there_before(
    server, executor, agent, job
):
    agent.sync(attempt=1, started=1)
    (length,) = samples(agent, *(measured(NOW - 60 + 5 * n) for n in range(6)))
    load(server)
    samples(agent, *(measured(NOW - 30 + 5 * n, cpu=10.0) for n in range(6)), offset=length)
    again = load(server)["n1"]
    assert again["xs"] == [NOW - 80, NOW - 50, NOW - 20]
    assert again["cpu"] == [50.0, pytest.approx(36.7), 10.0]
    assert load(server, minutes=0.3)["n1"]["xs"] == [NOW - 20]


def test_a_node_whose_clock_is_hours_ahead_has_no_place_in_the_last_hour(
    server, executor, agent, job
):
    agent.sync(attempt=1, started=1)
    samples(agent, measured(NOW + 86400))
    assert load(server)["n1"]["xs"] == []


@pytest.mark.parametrize("minutes", [0, -1, 61, "nan", "x"])
def test_an_hour_is_the_most_that_is_shown(server, minutes):
    assert server.ask("GET", f"/nodes/load?minutes={minutes}").status in {400, 422}


# --- slow ranks ----------------------------------------------------------------------------------


@pytest.fixture
def running(server, agent, job):
    agent.sync(attempt=1, started=1)
    return job


def told(server, job):
    events = server.get(f"/jobs/{job}/events")["events"]
    return [one["text"] for one in events if one["kind"].startswith("straggler")]


def test_a_slow_rank_is_told_once_and_shown_as_long_as_it_is_slow(server, agent, running):
    report(agent, 0, range(100), 0.5)
    report(agent, 1, range(60), 1.0)
    (text,) = told(server, running)
    assert text == (
        "rank 1 on host-of-n1 takes 2 times as long for a step as the median of the gang, "
        "20 steps in a row (step 20)"
    )
    assert server.show(running)["stragglers"] == [
        {"rank": 1, "node": "host-of-n1", "factor": 2.0, "step": 20, "since": server.wall.now}
    ]


def test_a_rank_that_keeps_pace_again_is_shown_no_more(server, agent, running):
    offsets = [0, 0]
    begins = [0.0, 0.0]
    for steps, slow in ((range(60), 1.0), (range(60, 120), 0.5)):
        for rank, step_s in ((0, 0.5), (1, slow)):
            lines = []
            for n in steps:
                begins[rank] += step_s
                lines.append({"t": begins[rank], "k": "m", "step": n, "m": {"loss": 1.0}})
            data = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
            (offsets[rank],) = agent.append(("spool", 1, rank, offsets[rank], data)).json()[
                "lengths"
            ]
    first, second = told(server, running)
    assert "rank 1 on host-of-n1 takes" in first
    assert second.startswith("rank 1 keeps pace with the others again")
    assert server.show(running)["stragglers"] == []


def test_a_server_that_was_restarted_tells_a_slow_rank_no_second_time(server, agent, running):
    offsets = [report(agent, 0, range(100), 0.5), report(agent, 1, range(100), 1.0)]
    server.store.metrics.on_reports.__self__._gangs.clear()
    report(agent, 0, range(100, 200), 0.5, offset=offsets[0])
    report(agent, 1, range(100, 200), 1.0, offset=offsets[1])
    assert len(told(server, running)) == 1
    assert len(server.show(running)["stragglers"]) == 1


def test_points_are_stored_while_somebody_writes_to_the_main_database(server, agent, running):
    """Retention holds it while it removes points: who stores points must not wait for it."""
    report(agent, 0, range(100), 0.5)
    lines = [{"t": 1000 + n, "k": "m", "step": n, "m": {"loss": 1.0}} for n in range(100)]
    data = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    metrics = server.store.metrics
    with server.store.begin(), ThreadPoolExecutor(1) as threads:
        stored = threads.submit(metrics.append, running, 1, 1, 0, data)
        assert stored.result(timeout=20) == len(data)
        metrics.drop_points(running)
    agent.log(b"next request\n")
    assert len(told(server, running)) == 1


def test_a_job_that_ended_has_no_slow_ranks(server, agent, running):
    report(agent, 0, range(100), 0.5)
    report(agent, 1, range(100), 1.0)
    agent.end()
    assert server.show(running)["stragglers"] == []


def test_what_is_told_once_an_epoch_does_not_disturb_the_count_of_steps(server, agent, running):
    offsets = [0, 0]
    for epoch in range(8):
        for rank in (0, 1):
            steps = range(10 * epoch, 10 * epoch + 10)
            lines = [{"t": 1000 + n / 2, "k": "m", "step": n, "m": {"loss": 1.0}} for n in steps]
            end = {"t": 1005 + 5 * epoch, "k": "m", "step": epoch, "m": {"acc": 0.5}}
            for stretch in (lines, [end]):
                data = "".join(f"{json.dumps(line)}\n" for line in stretch).encode()
                told_now = agent.append(("spool", 1, rank, offsets[rank], data)).json()
                (offsets[rank],) = told_now["lengths"]
    assert told(server, running) == []


# --- the end -------------------------------------------------------------------------------------


def test_samples_count_as_metrics_and_go_with_them(server, agent, running):
    samples(agent, *(measured(NOW + 5 * n) for n in range(100)))
    agent.end()
    assert server.show(running)["kept"]["metrics"] > 0
    rule = {"project": "", "values": {"metrics": 60.0}, "default": []}
    assert server.ask("PUT", "/retention", data=rule).status == 200
    server.wall.now += 3600
    assert server.ask("POST", "/retention/apply", data={"dry_run": False}).status == 200
    shown = server.show(running)
    assert shown["kept"]["metrics"] == 0
    assert shown["rank_usage"]  # mean and peak stay
    (curve,) = server.get(f"/jobs/{running}/curves", kind="system", name="node/cpu")["curves"]
    assert curve["xs"] == []
