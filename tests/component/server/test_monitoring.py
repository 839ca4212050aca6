"""`/metrics`: who reads it, what it tells, and what it costs."""

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from players import TOKEN, Agent, Executor, bearer, node
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from launcher.model.states import JobState

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def scrape(server, *, token=None, accept="*/*"):
    headers = bearer(server.services.settings.monitoring_key if token is None else token)
    return server.browser.ask("GET", "/metrics", headers=headers | {"Accept": accept})


def samples(server):
    """(name, labels) -> value, by Prometheus' own parser."""
    reply = scrape(server)
    assert reply.status == 200, reply.body
    families = text_string_to_metric_families(reply.text)
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in families
        for one in family.samples
    }


def value(server, name, **labels):
    return samples(server).get((name, tuple(sorted(labels.items()))))


@pytest.mark.parametrize("token", ["", "wrong", "t" * 32])
def test_without_its_token_metrics_are_not_shown(server, token):
    reply = scrape(server, token=token)
    assert reply.status == 401
    assert "monitoring-token" in reply.json()["hint"]


def test_the_scrapers_token_opens_metrics_and_nothing_else(server):
    assert scrape(server).status == 200
    assert scrape(server, token=TOKEN).status == 200
    key = server.services.settings.monitoring_key
    assert server.ask("GET", "/jobs", token=key).status == 401
    assert server.ask("GET", "/server", token=key).status == 401


def test_a_server_may_be_told_to_show_them_to_everybody(server):
    here = server.services
    server.app.state.services = replace(here, settings=replace(here.settings, open_metrics=True))
    assert scrape(server, token="").status == 200
    assert server.ask("GET", "/jobs", token="").status == 401


def test_both_of_prometheus_parsers_read_them(server):
    server.new_job(project="vision")
    plain = scrape(server)
    assert plain.headers["content-type"].startswith("text/plain")
    assert list(text_string_to_metric_families(plain.text))
    newer = scrape(server, accept=OPENMETRICS)
    assert newer.headers["content-type"].startswith("application/openmetrics-text")
    assert list(openmetrics.text_string_to_metric_families(newer.text))


def test_the_queue_is_told_by_project_and_state(server):
    server.new_job(project="vision")
    server.new_job(project="vision")
    held = server.new_job(project="audio")
    server.ask("POST", "/queue/hold", data={"jobs": [held]})
    server.wall.now += 90
    assert value(server, "launcher_jobs", project="vision", state="QUEUED") == 2
    assert value(server, "launcher_jobs", project="audio", state="HELD") == 1
    assert value(server, "launcher_jobs_submitted_total", project="vision") == 2
    assert value(server, "launcher_oldest_waiting_seconds") == 90


def test_a_job_is_counted_from_its_wait_to_its_ending(server):
    executor = Executor(server)
    executor.report(node("n1"), node("n2"))
    assert value(server, "launcher_cluster_cpus", cluster="local", use="free") == 8
    server.new_job()
    server.wall.now += 7
    server.cycle()
    assert value(server, "launcher_job_wait_seconds_sum") == 7
    assert value(server, "launcher_job_wait_seconds_bucket", le="15.0") == 1
    assert value(server, "launcher_job_wait_seconds_bucket", le="5.0") == 0
    assert value(server, "launcher_cluster_cpus", cluster="local", use="jobs") == 2
    assert value(server, "launcher_cluster_cpus", cluster="local", use="free") == 6
    assert value(server, "launcher_cluster_nodes", cluster="local") == 2
    agent = Agent(server, executor.desired()["allocations"][-1])
    agent.sync(attempt=1, started=1)
    agent.log(b"hello\n")
    before = value(server, "launcher_ingested_points_total")
    agent.points(1, 2, loss=0.5, acc=0.7)
    assert value(server, "launcher_ingested_points_total") - before == 4
    assert value(server, "launcher_jobs", project="default", state="RUNNING") == 1
    assert value(server, "launcher_attempt_start_seconds_count") == 1
    agent.end()
    assert value(server, "launcher_attempts_ended_total", ending="FINISHED") == 1
    assert value(server, "launcher_attempts_ended_total", ending="NODE_LOST") == 0
    assert value(server, "launcher_jobs_ended_total", project="default", state="SUCCEEDED") == 1
    assert value(server, "launcher_jobs", project="default", state="RUNNING") is None
    assert value(server, "launcher_ingested_bytes_total", kind="logs") == 6


def test_a_silent_cluster_has_no_nodes(server):
    Executor(server).report(node("n1"))
    server.monotonic.now += 60
    assert value(server, "launcher_cluster_live", cluster="local") == 0
    assert value(server, "launcher_cluster_nodes", cluster="local") == 0
    assert value(server, "launcher_cluster_cpus", cluster="local", use="free") == 0


def test_requests_are_told_by_the_routes_of_the_code_and_not_by_their_paths(server):
    for job in ("a", "b", "c"):
        server.ask("GET", f"/jobs/{job}")
        server.browser.ask("GET", f"/nowhere/{job}")
        server.browser.ask(f"ODD{job}", "/api/v1/healthz")
    server.ask("GET", "/agent/job", token="none")
    found = samples(server)
    routes = {dict(labels).get("route") for _, labels in found}
    assert "/api/v1/jobs/{ref}" in routes
    assert not any("nowhere" in str(route) for route in routes)
    assert {dict(labels).get("method") for _, labels in found} <= {None, "GET", "POST", "other"}
    labels = {"method": "GET", "route": "/api/v1/jobs/{ref}", "status": "404"}
    assert found["launcher_http_requests_total", tuple(sorted(labels.items()))] == 3


def test_requests_that_wait_for_news_are_counted_and_not_timed(server):
    executor = Executor(server)
    path = f"/executor/desired?cluster=local&fence={executor.fence}&wait=0.01"
    server.ask("GET", path)
    route = {"method": "GET", "route": "/api/v1/executor/desired"}
    assert value(server, "launcher_http_requests_total", status="200", **route) == 1
    assert value(server, "launcher_http_request_seconds_count", **route) is None


def test_followers_are_counted_while_they_are_connected(server):
    job = server.new_job()
    with server.follow(job) as told:
        next(told)
        assert value(server, "launcher_http_streams") == 1
    server.order("cancel", job)
    assert value(server, "launcher_http_streams") == 0


def test_a_hundred_thousand_jobs_are_told_in_a_moment_and_few_lines(server):
    job = server.control.books.known(server.new_job())
    of_projects = [replace(job, project=f"p{number}") for number in range(50)]
    waiting = server.control.books._waiting
    waiting.update({f"x-{number}": of_projects[number % 50] for number in range(100_000)})
    begun = time.thread_time()
    page, _ = server.services.monitor.page("")
    assert time.thread_time() - begun < 0.5  # 0.1 s on a busy machine
    assert b'launcher_jobs{project="p7",state="QUEUED"} 2000.0' in page
    assert page.count(b"\n") < 600


NAMED = re.compile(r"\blauncher_[a-z_]+")
DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("page", ["grafana.json", "monitoring.md"])
def test_the_docs_name_metrics_that_there_are(server, page):
    Executor(server).report(node("n1"))
    server.new_job()
    server.cycle()
    server.services.monitor.cycled(0.1)
    server.services.monitor.ingested("logs", 1)
    server.services.monitor.changed(*ended_job(server))
    known = {name for name, _ in samples(server)}
    known |= {name.removesuffix("_count") for name in known if name.endswith("_count")}
    named = set(NAMED.findall((DOCS / page).read_text()))
    assert len(named) > 9
    assert named - known == set()


def test_every_metric_of_ours_is_explained(server):
    text = (DOCS / "monitoring.md").read_text()
    families = text_string_to_metric_families(scrape(server).text)
    names = {one.name for one in families if one.name.startswith("launcher_")}
    assert {name for name in names if not name.endswith("_created") and name not in text} == set()


def ended_job(server):
    """A job before and after its end."""
    job = server.control.books.known(server.new_job())
    return job, replace(job, state=JobState.FAILED)
