"""What agents say, and the orders they get."""

import threading
import time

import pytest
from players import Agent, Executor, node

from launcher.server import rules


@pytest.fixture
def gang(server, executor):
    """The two agents of a job whose eight ranks need both nodes; registered."""
    server.new_job(resources={"workers": 8})
    server.cycle()
    (wanted,) = executor.desired()["allocations"]
    agents = [Agent(server, wanted, index, f"10.0.0.{index + 1}:7000") for index in (0, 1)]
    for agent in agents:
        agent.sync()
    return agents


def in_background(ask):
    """Starts a request; gives a function that waits for its answer."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask()))
    thread.start()

    def answer():
        thread.join(20)
        return answers[0]

    return answer


def test_an_agent_is_told_its_job_and_the_shape_of_the_gang(server, gang):
    job, setup = gang[0].job, gang[1].ask("GET", f"/setup/{gang[1].status['allocation']}").json()
    assert setup["ranks"] == [4, 4]
    assert (setup["launch"]["job_id"], setup["launch"]["workers"]) == (job, 8)
    assert setup["launch"]["entrypoint"]["argv"] == ["true"]


@pytest.mark.parametrize(
    "allocation", ["{}.2", "{}.0", "{}.x", "{}.\u00b2", "{}", "other-aaaaaa.1"]
)
def test_an_allocation_that_the_job_does_not_have_is_not_found(agent, allocation):
    assert agent.ask("GET", f"/setup/{allocation.format(agent.job)}").status in {404, 422}


@pytest.mark.parametrize("allocation", ["{}.x", "{}.\u00b2", "{}", "other-aaaaaa.1", "", "."])
def test_the_status_of_what_is_no_allocation_of_the_job_is_refused(agent, allocation):
    agent.status["allocation"] = allocation.format(agent.job)
    assert agent.send().status == 404


def test_an_agent_of_an_allocation_that_is_over_is_told_to_close(server, agent, job):
    agent.status["allocation"] = f"{job}.9"
    orders = agent.sync()
    assert (orders["close"], orders["grant"], orders["job_over"]) == (True, 0, False)
    assert server.show(job)["state"] == "STARTING"


def test_an_agent_of_a_closed_slot_is_told_to_close(server, gang):
    first, second = gang
    server.order("declare-lost", first.job)
    for agent in gang:
        orders = agent.sync(attempt=1, started=1)
        assert orders["close"] is True
    assert server.show(first.job)["state"] == "QUEUED"
    assert second.ask("GET", "/job").json() == {"over": False}


def test_a_second_agent_of_one_slot_is_told_to_close_and_changes_nothing(server, agent, job):
    twin = Agent(
        server, {"token": agent.token, "job_id": job, "id": f"{job}.1"}, address="1.2.3.4:5"
    )
    orders = twin.sync(attempt=1, started=1, quiet=1, closed="over")
    assert orders["close"] is True
    assert server.show(job)["state"] == "STARTING"
    assert agent.sync()["close"] is False


def test_facts_only_grow_whatever_is_repeated_or_comes_late(server, gang):
    leader, other = gang
    leader.sync(attempt=1, started=1)
    other.sync(quiet=1)
    late = dict(other.status) | {"quiet": 0}
    other.status = late
    other.sync()
    leader.sync(verdict={"ending": "FINISHED"}, quiet=1)
    assert server.show(leader.job)["state"] == "SUCCEEDED"
    before = server.get(f"/jobs/{leader.job}/events")
    for agent in (leader, other, leader):
        agent.sync()
    assert server.get(f"/jobs/{leader.job}/events") == before


def test_a_gang_hears_of_a_peer_that_is_lost(server, gang):
    leader, _ = gang
    leader.sync(attempt=1, started=1)
    orders = leader.sync(lost_peers=[1])
    assert (orders["stop"], orders["lost_nodes"]) == (True, [1])


def test_a_note_is_told_once(server, agent, job):
    notes = [{"number": 1, "text": "port 29500 was taken"}, {"number": 2, "text": "slow disk"}]
    for _ in range(2):
        assert agent.sync(notes=notes)["notes_taken"] == 2
    told = [event["text"] for event in server.get(f"/jobs/{job}/events")["events"]]
    assert told.count("slow disk") == told.count("port 29500 was taken") == 1


def test_a_warning_is_shown_with_its_job_once_and_commands_no_terminal(server, agent, job):
    agent.sync(notes=[{"number": 1, "text": "\x1b]0;yours\x07mend it", "warning": True}])
    agent.sync(notes=[{"number": n, "text": "mend it", "warning": True} for n in (1, 2)])
    told = [event["kind"] for event in server.get(f"/jobs/{job}/events")["events"]]
    assert told.count("warning") == 2
    assert server.get(f"/jobs/{job}")["warnings"] == ["mend it"]
    assert server.get(f"/jobs/{job}/why")["text"].endswith("\nwarning: mend it")


def test_an_ended_job_is_over_for_its_agents(agent):
    assert agent.ask("GET", "/job").json() == {"over": False}
    assert agent.end("FINISHED")["job_over"] is True
    assert agent.ask("GET", "/job").json() == {"over": True}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"allocation": 3}', b"\xff", b"[" * 100_000])
def test_a_status_that_is_none_is_refused(agent, body):
    reply = agent.ask("POST", "/sync", body=body)
    assert reply.status == 422
    assert reply.error.startswith("not a AgentStatus")


# --- long polls ----------------------------------------------------------------------------------


def test_an_agent_that_has_the_orders_waits_until_they_change(server, agent, job):
    orders = agent.sync()
    waiting = in_background(lambda: agent.send(wait=20, seen=orders["version"]))
    server.order("cancel", job)
    reply = waiting().json()
    assert reply["stop"] is True
    assert reply["version"] != orders["version"]


def test_new_orders_are_told_at_once(agent):
    begun = time.monotonic()
    agent.send(wait=20, seen="others")
    assert time.monotonic() - begun < 10


def test_the_same_orders_are_told_when_the_wait_is_over(agent):
    orders = agent.sync()
    assert agent.send(wait=0.02, seen=orders["version"]).json() == orders


def test_output_of_a_rank_wakes_no_agent(server, agent, monkeypatch):
    """Else each line that one of a thousand agents sends would make all of them look."""
    orders = agent.sync()
    looks = []
    look = server.services.agents.look
    monkeypatch.setattr(server.services.agents, "look", lambda *a: looks.append(1) or look(*a))
    waiting = in_background(lambda: agent.send(wait=20, seen=orders["version"]))
    for line in range(5):
        agent.log(b"x", offset=line)
    server.order("cancel", agent.job)
    assert waiting().json()["stop"] is True
    assert len(looks) <= 2


@pytest.mark.parametrize("wait", ["nan", "inf", "-1", "x"])
def test_a_wait_that_is_no_duration_is_refused(agent, wait):
    reply = agent.send(wait=wait)
    assert reply.status == 422
    assert reply.error.startswith("wait: ")


# --- silence -------------------------------------------------------------------------------------


def silent(*, linked=True, silent_s=rules.EXPIRY_S + 1):
    return {"index": 0, "state": "silent", "silent_s": silent_s, "linked": linked}


def test_a_silent_agent_is_given_up_only_when_executor_and_server_both_lost_its_lease(
    server, executor, agent, job
):
    def report(receipt, **more):
        held = [{"id": f"{job}.1", "state": "up", "agents": [silent(**more)]}]
        receipt = executor.report(node("n1"), allocations=held, receipt=receipt)
        return receipt, server.show(job)["state"]

    agent.sync(attempt=1, started=1)
    older, _ = report("", silent_s=0)
    server.monotonic.now += rules.EXPIRY_S + 1
    # That the server was silent too is proven only by a receipt of after that.
    for unproven in ("", older, "another:99999"):
        receipt, state = report(unproven)
        assert state == "RUNNING"
    assert report(receipt, linked=False)[1] == "RUNNING"
    assert report(receipt, silent_s=rules.EXPIRY_S - 1)[1] == "RUNNING"
    assert report(receipt)[1] == "QUEUED"
    told = [event["text"] for event in server.get(f"/jobs/{job}/events")["events"]]
    assert any("its lease has run out" in text for text in told)


def test_a_silent_agent_that_the_server_hears_is_not_given_up(server, executor, agent, job):
    agent.sync(attempt=1, started=1)
    server.monotonic.now += rules.EXPIRY_S + 1
    agent.sync()
    receipt = executor.report(node("n1"))
    held = [{"id": f"{job}.1", "state": "up", "agents": [silent(linked=True)]}]
    executor.report(node("n1"), allocations=held, receipt=receipt)
    assert server.show(job)["state"] == "RUNNING"


def test_a_dead_agent_is_given_up_at_once(server, executor, agent, job):
    agent.sync(attempt=1, started=1)
    dead = {"index": 0, "state": "dead", "address": agent.status["address"], "node_alive": False}
    executor.report(node("n2"), allocations=[{"id": f"{job}.1", "state": "up", "agents": [dead]}])
    shown = server.show(job)
    assert (shown["state"], shown["attempts"][0]["ending"]) == ("QUEUED", "NODE_LOST")


def test_an_agent_that_nobody_heard_for_hours_is_given_up_after_a_restart_too(server, agent, job):
    agent.sync(attempt=1, started=1)
    server.monotonic.now += rules.FORGOTTEN_S - 1
    server.cycle()
    assert server.show(job)["state"] == "RUNNING"
    server.monotonic.now += 2
    server.cycle()
    assert server.show(job)["attempts"][0]["ending"] == "CLUSTER_LOST"


def test_an_executor_of_another_time_is_not_believed_about_an_older_agent(server, executor, agent):
    agent.sync(attempt=1, started=1)
    dead = {"index": 0, "state": "dead", "address": "10.9.9.9:1"}
    held = [{"id": agent.status["allocation"], "state": "up", "agents": [dead]}]
    Executor(server, replaces=executor.fence).report(node("n1"), allocations=held)
    assert server.show(agent.job)["state"] == "RUNNING"
