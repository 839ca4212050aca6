"""Ray clusters are attached, kept attached and detached; their Ray is played."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from players import TOKEN, Agent, Executor, node

from launcher.clusters import _attaching
from launcher.clusters._ray_jobs import RayJob
from launcher.errors import ConflictError, NotFoundError, SpecError, UnreachableError
from launcher.server.attachments import FILE, Attachment, Attachments

URL = "http://127.0.0.1:8265"
OWN = "/home/ada/python"


class Ray:
    """A Ray head, and what runs on it. `on_submit` plays the executor."""

    url = URL

    def __init__(self):
        self.known = {}
        self.orders = []
        self.is_up = True
        self.says = ""
        self.on_submit = lambda _: None

    def __call__(self, _url, _token):
        return self

    def ray_version(self):
        self._answer()
        return "2.60.0"

    def jobs(self):
        self._answer()
        return list(self.known.values())

    def job(self, job_id):
        self._answer()
        return self.known.get(job_id)

    def log(self, _job_id):
        return self.says

    def stop(self, job_id):
        self._answer()
        self.end(job_id, "STOPPED")

    def forget(self, job_id):
        self.known.pop(job_id, None)

    def close(self):
        pass

    def end(self, job_id, status="FAILED"):
        if job_id in self.known:
            self.known[job_id] = RayJob(job_id, status, metadata=self.known[job_id].metadata)

    def submit(self, job_id, order):
        self._answer()
        self.orders.append(order)
        metadata = {
            _attaching.CLUSTER: order["cluster"],
            _attaching.SERVER: order["server_id"],
        }
        self.known[job_id] = RayJob(job_id, "RUNNING", metadata=metadata)
        self.on_submit(order)

    def _answer(self):
        if not self.is_up:
            raise UnreachableError("Ray's dashboard does not answer")


@pytest.fixture
def ray(monkeypatch):
    ray = Ray()
    monkeypatch.setattr(
        _attaching, "submit", lambda _, job_id, order, **__: ray.submit(job_id, order) or 1000
    )
    monkeypatch.setattr(_attaching.time, "sleep", lambda _s: None)
    ray.says = _attaching.MARK + json.dumps({"nodes": {}, "of": 1})
    return ray


@pytest.fixture
def attaching(server, ray):
    service = server.services.attaching
    service._make_ray, service._clock = ray, server.monotonic
    ray.on_submit = lambda order: speak(server, order)
    return service


def speak(server, order):
    """The executor of an order opens a session and reports a node."""
    executor = Executor(server, cluster=order["cluster"])
    executor.report(node("p1"))
    return executor


def attach(attaching, name="prod", **more):
    return list(attaching.attach(name, URL, more.get("ray_token"), more.get("server_url")))


def names(server):
    return [cluster["name"] for cluster in server.get("/server")["clusters"]]


def test_attaching_tells_its_steps_and_ends_when_the_executor_serves(server, attaching, ray):
    steps = attach(attaching)
    assert steps[0] == f"Ray 2.60.0 answers at {URL}"
    assert "launcher-prod-" in steps[1]
    (cluster,) = server.get("/server")["clusters"]
    assert (cluster["name"], cluster["live"]) == ("prod", True)
    assert cluster["note"] == f"attached at {URL}"


def test_the_token_of_an_attached_cluster_speaks_for_that_cluster_alone(server, attaching, ray):
    attach(attaching)
    token = ray.orders[0]["token"]
    assert token != TOKEN
    path = "/executor/desired?cluster={}&fence=1"
    assert server.ask("GET", path.format("prod"), token=token).status == 200
    assert server.ask("GET", path.format("local"), token=token).status == 401
    assert server.ask("GET", "/jobs", token=token).status == 401
    attaching.detach("prod", force=False)
    assert server.ask("GET", path.format("prod"), token=token).status == 401


@pytest.mark.parametrize("name", ["local", "any", "Prod", "a b", ""])
def test_a_name_that_means_something_else_is_refused(attaching, name):
    with pytest.raises(SpecError, match="cannot be the name"):
        attach(attaching, name)


def test_a_cluster_that_is_served_already_is_refused(attaching, ray):
    attach(attaching)
    with pytest.raises(ConflictError, match="serves cluster 'prod' already"):
        attach(attaching)


def test_one_ray_is_not_attached_under_two_names(attaching, ray):
    attach(attaching)
    with pytest.raises(ConflictError, match="as cluster 'prod'"):
        attach(attaching, "other")
    assert len(ray.orders) == 1


def test_another_launcher_on_that_ray_is_told_and_left_alone(attaching, ray):
    theirs = {_attaching.CLUSTER: "prod", _attaching.SERVER: "somebody-else"}
    ray.known["theirs"] = RayJob("theirs", "RUNNING", metadata=theirs)
    assert any("another launcher serves that Ray too" in step for step in attach(attaching))
    assert not ray.known["theirs"].has_ended


def test_an_own_executor_that_is_not_heard_is_stopped_first(server, attaching, ray):
    attach(attaching)
    (before,) = ray.known
    server.monotonic.now += 60
    attach(attaching)
    assert ray.known[before].has_ended
    assert names(server) == ["prod"]


def test_what_is_refused_leaves_nothing_behind(server, attaching, ray):
    ray.on_submit = lambda _: None
    ray.says = _attaching.MARK + json.dumps({"refused": "no way", "kind": "UnreachableError"})
    with pytest.raises(UnreachableError, match="no way"):
        attach(attaching)
    assert [job.has_ended for job in ray.known.values()] == [True]
    assert attaching.attachments.all() == []


def test_a_lost_executor_is_sent_anew_as_soon_as_ray_says_that_it_has_ended(server, attaching, ray):
    attach(attaching)
    ray.known.clear()  # the head was started anew
    server.monotonic.now += 3
    attaching.look()
    assert len(ray.orders) == 1  # it may just be late
    server.monotonic.now += 4
    attaching.look()
    assert len(ray.orders) == 2
    assert ray.orders[0] == ray.orders[1]
    assert server.get("/server")["clusters"][0]["live"] is True


def test_an_executor_that_runs_and_is_not_heard_is_left_alone(server, attaching, ray):
    attach(attaching)
    server.monotonic.now += 60
    attaching.look()
    assert len(ray.orders) == 1
    assert "is not heard" in server.get("/server")["clusters"][0]["note"]


def test_a_head_that_is_away_is_told_and_awaited(server, attaching, ray):
    attach(attaching)
    ray.is_up = False
    server.monotonic.now += 60
    attaching.look()
    assert "does not answer" in server.get("/server")["clusters"][0]["note"]
    ray.is_up = True
    ray.known.clear()
    attaching.look()
    assert server.get("/server")["clusters"][0]["note"].endswith(URL) or len(ray.orders) == 2


def test_what_fails_again_and_again_is_tried_ever_more_seldom(server, attaching, ray):
    attach(attaching)
    ray.on_submit = lambda _: None
    tries = []
    for _ in range(600):
        for job_id in list(ray.known):
            ray.end(job_id)
        server.monotonic.now += 1
        before = len(ray.orders)
        attaching.look()
        if len(ray.orders) > before:
            tries.append(server.monotonic.now)
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses == sorted(pauses)
    assert 5 < len(tries) < 12


def test_jobs_keep_a_cluster_from_being_detached(server, attaching, ray):
    attach(attaching)
    job = server.new_job()
    server.cycle()
    with pytest.raises(ConflictError, match=job):
        attaching.detach("prod", force=False)
    assert attaching.detach("prod", force=True) == [job]
    assert names(server) == []


def test_a_cluster_whose_ray_does_not_answer_is_forgotten_only_by_force(server, attaching, ray):
    attach(attaching)
    ray.is_up = False
    with pytest.raises(UnreachableError) as caught:
        attaching.detach("prod", force=False)
    assert "--force" in caught.value.hint
    assert attaching.detach("prod", force=True) == []
    assert attaching.attachments.all() == []


def test_a_cluster_that_is_not_attached_is_told_with_those_that_are(attaching, ray):
    attach(attaching)
    with pytest.raises(NotFoundError) as caught:
        attaching.detach("lab", force=False)
    assert caught.value.hint == "attached are: prod"


def test_a_detached_cluster_can_be_attached_again_at_once(server, attaching, ray):
    attach(attaching)
    attaching.detach("prod", force=False)
    attach(attaching)
    assert server.get("/server")["clusters"][0]["live"] is True


def test_the_route_streams_steps_and_ends_with_done_or_a_refusal(server, attaching, ray):
    reply = server.ask("POST", "/clusters/prod/attach", data={"ray_url": URL})
    *steps, last = [json.loads(line) for line in reply.text.splitlines()]
    assert [set(step) for step in steps] == [{"step"}] * len(steps)
    assert last == {"done": True}
    (refusal,) = [
        json.loads(line)
        for line in server.ask(
            "POST", "/clusters/prod/attach", data={"ray_url": URL}
        ).text.splitlines()
    ]
    assert refusal["kind"] == "ConflictError"
    assert server.ask("POST", "/clusters/prod/detach", data={}).json() == {"jobs": []}


ONE = Attachment("prod", URL, "http://server", "job-1", "secret", "ray-secret")


def test_attachments_outlive_the_server_in_a_file_for_its_owner_alone(tmp_path):
    Attachments(tmp_path).put(ONE)
    assert Attachments(tmp_path).all() == [ONE]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_renewal_that_comes_after_a_detach_is_dropped(tmp_path):
    attachments = Attachments(tmp_path)
    attachments.put(ONE)
    renewed = attachments.set_job(ONE, "job-2")
    assert renewed is not None
    assert attachments.set_job(ONE, "job-3") is None
    attachments.remove("prod")
    assert attachments.set_job(renewed, "job-4") is None
    assert Attachments(tmp_path).all() == []


@pytest.mark.parametrize(
    ("cluster", "wanted", "chosen"),
    [("local", "any", OWN), ("local", "local", OWN), ("prod", "any", None), ("prod", "prod", None)],
)
def test_the_submitters_python_runs_a_job_only_on_the_submitters_machine(
    server, cluster, wanted, chosen
):
    """A path of one machine means nothing on another, and where a job goes is decided late."""
    placed_by = Executor(server, cluster)
    placed_by.report(node("n1"))
    job = server.submit(python=OWN, cluster=wanted).json()
    assert job["own_python"] == (OWN if wanted != "prod" else "")
    server.cycle()
    (allocation,) = placed_by.desired()["allocations"]
    agent = Agent(server, allocation)
    launch = agent.ask("GET", f"/setup/{allocation['id']}").json()["launch"]
    assert launch.get("python") == chosen


def test_a_server_that_listens_everywhere_names_its_address_towards_the_head(
    server, attaching, ray
):
    attaching._settings = replace(attaching._settings, url="http://box:1500", open_port=1500)
    attach(attaching)
    assert ray.orders[0]["server"] == "http://127.0.0.1:1500"
