"""Who holds what, who waits, and a job cloned."""

from players import Executor, node, sha256


def test_nodes_show_who_holds_them_and_what_others_took(server, executor, agent, job):
    agent.sync(attempt=1, started=1)
    executor.report(node("n1", free=1), node("n2"))
    (cluster,) = server.get("/occupancy")["clusters"]
    first, second = cluster["nodes"]
    (holder,) = first["holders"]
    assert (holder["job"], holder["ranks"], holder["cpus"]) == (job, 2, 2)
    assert (holder["user"], holder["state"]) == ("ada", "RUNNING")
    assert (first["host"], first["cpus"], first["other_cpus"]) == ("host-of-n1", 4, 1)
    assert (second["holders"], second["other_cpus"]) == ([], 0)


def test_the_queue_is_told_in_its_order_with_reasons(server, executor):
    late = server.new_job(name="late", resources={"workers": 8})
    first = server.new_job(name="first", priority=90, resources={"workers": 8})
    executor.report(node("n1", free=0), node("n2"))
    server.cycle()
    seen = server.get("/occupancy")
    assert [waiting["job"] for waiting in seen["waiting"]] == [first, late]
    assert seen["waiting"][0]["reason"]
    assert seen["waiting"][0]["workers"] == 8
    assert seen["now"] == server.wall.now


def test_who_waits_for_something_else_is_told_behind_the_queue(server, executor):
    held = server.new_job(name="held")
    server.wall.now += 1
    after = server.new_job(name="after", after=[held])
    waits = server.new_job(name="waits", resources={"workers": 8})
    executor.report(node("n1", free=0), node("n2"))
    server.ask("POST", "/queue/hold", data={"jobs": [held], "user": "ada"})
    server.cycle()
    seen = server.get("/occupancy")["waiting"]
    assert [one["job"] for one in seen] == [waits, held, after]
    assert [one["position"] for one in seen] == [1, None, None]
    assert [one["reason"] for one in seen[1:]] == ["held by ada", f"waits for {held} to succeed"]


def test_of_a_long_queue_its_beginning_is_told_and_how_many_more_wait(server, monkeypatch):
    monkeypatch.setattr("launcher.server.occupancy._SHOWN", 2)
    first = server.new_job()
    server.wall.now += 1
    for _ in range(4):
        server.new_job()
    server.cycle()
    seen = server.get("/occupancy")
    assert [one["position"] for one in seen["waiting"]] == [1, 2]
    assert seen["waiting"][0]["job"] == first
    assert seen["more"] == 3


def test_a_cluster_that_is_silent_shows_no_nodes(server, executor):
    Executor(server, "other").report(node("far"))
    server.monotonic.now += 100
    executor.report(node("n1"))
    by_name = {one["name"]: one for one in server.get("/occupancy")["clusters"]}
    assert by_name["local"]["live"]
    assert not by_name["other"]["live"]
    assert by_name["other"]["nodes"] == []
    assert by_name["other"]["silent_s"] >= 100


def test_a_clone_has_the_code_of_its_origin(server):
    digest = sha256(b"the workdir")
    server.ask("PUT", f"/packages/{digest}", body=b"the workdir")
    origin = server.new_job(code=digest)
    spec = server.show(origin)["spec"]
    reply = server.ask("POST", "/jobs", data={"spec": spec, "code_of": origin})
    assert reply.status == 201
    clone = reply.json()["id"]
    with server.store.read() as tx:
        assert server.control.get(tx, clone).code == digest


def test_the_code_of_an_unknown_job_is_refused(server):
    spec = server.show(server.new_job())["spec"]
    reply = server.ask("POST", "/jobs", data={"spec": spec, "code_of": "nobody"})
    assert reply.status == 404
