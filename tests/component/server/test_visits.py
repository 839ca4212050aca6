"""`launcher exec` through the server: what its user and the agent ask, and what each is told."""

import pytest
from in_process import until
from players import TOKEN, bearer

from launcher.model.visit import END, STDERR, STDOUT, FrameReader, frame


class User:
    """Of one visit."""

    def __init__(self, server, job, *argv, **more):
        self.server = server
        reply = begin(server, job, *argv, **more)
        assert reply.status == 201, reply.body
        self.placed = reply.json()
        self.path = f"/exec/{self.placed['id']}"

    def output(self, offset=0):
        """The open stream of its output; entering it is being there."""
        address = f"/api/v1{self.path}/output?offset={offset}"
        return self.server.browser.open("GET", address, headers=bearer(TOKEN))

    def story(self):
        """All frames to the end."""
        with self.output() as stream:
            assert stream.get()["status"] == 200
            reader = FrameReader()
            return [one for block in stream.blocks() for one in reader.feed(block)]

    def give(self, data, *, offset=0, last=0, wait=0):
        path = f"{self.path}/input?offset={offset}&last={last}&wait={wait}"
        return self.server.ask("POST", path, body=data)

    def steer(self, **wishes):
        return self.server.ask("PUT", f"{self.path}/steering", data=wishes)

    def leave(self):
        return self.server.ask("DELETE", self.path)


def begin(server, job, *argv, **more):
    return server.ask("POST", f"/jobs/{job}/exec", data={"argv": argv, "user": "ada"} | more)


@pytest.fixture
def agent(agent):
    agent.sync(attempt=1, started=1)
    return agent


def visits(agent):
    return agent.sync().get("visits")


def of(user, agent):
    """Path of the agent's requests for a visit."""
    return f"/visits/{user.placed['id']}"


def test_a_visit_wakes_its_agent_and_is_written_down_once(server, agent, job):
    seen = agent.sync()["version"]
    user = User(server, job, "nvidia-smi", "-l", rank=1)
    orders = agent.sync(seen=seen)
    assert orders["version"] != seen
    (order,) = orders["visits"]
    assert (order["id"], order["argv"]) == (user.placed["id"], ["nvidia-smi", "-l"])
    assert (order["rank"], order["attempt"], order["end"]) == (1, 1, False)
    told = [e["text"] for e in server.get(f"/jobs/{job}/events")["events"] if e["kind"] == "exec"]
    assert told == ["exec by ada on rank 1: nvidia-smi"]


def test_output_and_end_reach_the_user_in_their_order(server, agent, job):
    user = User(server, job, "true")
    frames = frame(STDOUT, b"out") + frame(STDERR, b"err")
    path = f"{of(user, agent)}/output"
    for _ in range(2):  # the answer was lost, so it is sent again
        assert agent.ask("POST", f"{path}?offset=0", body=frames).json() == {"length": len(frames)}
    assert agent.ask("POST", f"{of(user, agent)}/end", data={"code": 3}).status == 200
    *outputs, (kind, end) = user.story()
    assert outputs == [(STDOUT, b"out"), (STDERR, b"err")]
    assert (kind, end) == (END, b'{"code": 3, "reason": ""}')
    assert visits(agent) == []
    user.leave()
    until(lambda: user.leave().status == 404, "that the visit is forgotten")


def test_what_is_given_reaches_the_agent_with_its_end(server, agent, job):
    user = User(server, job, "cat", stdin=True)
    assert user.give(b"abc").json() == {"length": 3}
    assert user.give(b"def", offset=3, last=1).json() == {"length": 6}
    path = f"{of(user, agent)}/input"
    first = agent.ask("GET", f"{path}?offset=0&room=4")
    assert (first.body, first.headers["x-visit-last"]) == (b"abcd", "0")
    rest = agent.ask("GET", f"{path}?offset=4")
    assert (rest.body, rest.headers["x-visit-last"]) == (b"ef", "1")
    nothing = agent.ask("GET", f"{path}?offset=6&told=1")
    assert (nothing.body, nothing.headers["x-visit-last"]) == (b"", "1")


def test_a_user_who_reads_slowly_holds_the_agent_up(server, agent, job):
    user = User(server, job, "yes")
    piece = frame(STDOUT, bytes(700_000))
    path = f"{of(user, agent)}/output"
    assert agent.ask("POST", f"{path}?offset=0", body=piece).json()["length"] == len(piece)
    held = agent.ask("POST", f"{path}?offset={len(piece)}", body=piece)
    assert held.json()["length"] == len(piece)
    with user.output() as stream:
        assert stream.get()["status"] == 200
        next(stream.blocks())
        again = agent.ask("POST", f"{path}?offset={len(piece)}&wait=20", body=piece)
        assert again.json()["length"] == 2 * len(piece)


def test_a_piece_has_a_bound(server, agent, job):
    user = User(server, job, "yes")
    reply = agent.ask("POST", f"{of(user, agent)}/output?offset=0", body=bytes(2**20 + 1))
    assert (reply.status, reply.error) == (422, "more than 1048576 bytes at once")


def test_signals_and_size_are_states_that_only_grow(server, agent, job):
    user = User(server, job, "top", tty=True, term="xterm", rows=24, columns=80)
    (order,) = visits(agent)
    assert (order["tty"], order["stdin"], order["term"]) == (True, True, "xterm")
    assert (order["rows"], order["columns"]) == (24, 80)
    user.steer(rows=30, columns=90, signals=[2, 2])
    user.steer(rows=30, columns=90, signals=[2])  # an older word that came later
    (order,) = visits(agent)
    assert (order["rows"], order["columns"], order["signals"]) == (30, 90, [2, 2])
    assert order["revision"] == 1


def test_a_user_who_leaves_has_the_command_ended(server, agent, job):
    user = User(server, job, "sleep")
    assert user.leave().status == 200
    (order,) = visits(agent)
    assert order["end"]
    refused = agent.ask("POST", f"{of(user, agent)}/output?offset=0", body=b"")
    assert refused.status == 409
    assert agent.ask("POST", f"{of(user, agent)}/end", data={"reason": "left"}).status == 200
    until(lambda: user.leave().status == 404, "that the visit is forgotten")
    assert agent.ask("GET", f"{of(user, agent)}/input?offset=0").status == 404


def test_a_job_has_so_many_visits_at_a_time_and_no_more(server, agent, job, monkeypatch):
    monkeypatch.setattr("launcher.server.visits.MOST", 2)
    users = [User(server, job, "sleep") for _ in range(2)]
    refused = begin(server, job, "sleep")
    assert refused.status == 409
    assert refused.error.startswith(f"job '{job}' has 2 commands of `launcher exec` now")
    agent.ask("POST", f"{of(users[0], agent)}/end", data={"code": 0})
    users[0].leave()
    until(lambda: begin(server, job, "sleep").status == 201, "room for another")


def test_a_job_that_does_not_run_is_refused_and_leaves_no_event(server, executor):
    waiting = server.new_job()
    assert "is QUEUED: it has no ranks yet" in begin(server, waiting, "true").error
    kinds = [event["kind"] for event in server.get(f"/jobs/{waiting}/events")["events"]]
    assert "exec" not in kinds


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"argv": ["x" * 100_000]}, "more than 98304 characters"),
        ({"argv": ["a\0b"]}, "NUL"),
        ({"argv": ["true"], "rank": 9}, "rank 9"),
        ({"argv": ["true"], "rows": 70_000}, "rows"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(server, agent, job, wish, words):
    reply = server.ask("POST", f"/jobs/{job}/exec", data=wish)
    assert reply.status == 422
    assert words in reply.error


def test_visits_are_for_the_user_and_for_the_agents_of_their_job(server, agent, job):
    user = User(server, job, "true")
    assert server.ask("DELETE", user.path, token=agent.token).status == 401
    assert server.ask("POST", f"/jobs/{job}/exec", token=agent.token, data={}).status == 401
    theirs = server.control.job_token(server.new_job())
    path = f"/agent{of(user, agent)}/input?offset=0"
    assert server.ask("GET", path, token=theirs).status == 404
    assert server.ask("GET", path).status == 401


def test_another_agent_of_the_same_node_is_not_told(server, agent, job):
    User(server, job, "true")
    agent.status["address"] = "10.0.0.1:9999"
    assert not visits(agent)


def test_the_end_of_the_attempt_is_told_in_words(server, agent, job):
    user = User(server, job, "sleep")
    agent.end()
    *_, (kind, end) = user.story()
    assert kind == END
    assert f"attempt 1 of {job} is over".encode() in end


def test_an_unknown_visit_is_told_what_may_have_become_of_it(server):
    reply = server.ask("GET", "/exec/0123/output")
    assert reply.status == 404
    assert "does not know this command" in reply.error
    assert "started again" in reply.json()["hint"]
