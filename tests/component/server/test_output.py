"""Logs, metrics and checkpoints: from the agent that sends them to the user who reads them."""

import hashlib

# --- logs ----------------------------------------------------------------------------------------


def test_a_log_comes_back_byte_for_byte_in_parts(server, agent, job):
    data = b"\xff\x00 caf\xe9\r\n" + bytes(range(256))
    assert agent.log(data) == [len(data)]
    for offset, limit in ((0, 9999), (3, 4), (len(data), 10), (len(data) + 5, 10), (0, 0)):
        reply = server.ask("GET", f"/jobs/{job}/logs/1/0?offset={offset}&limit={limit}")
        assert reply.body == data[offset : offset + limit]
        assert reply.headers["x-log-offset"] == str(offset)
        assert reply.headers["x-log-length"] == str(len(data))


def test_the_tail_of_a_log_is_its_last_lines(server, agent, job):
    agent.log(b"one\ntwo\nthree")
    for lines, data in ((0, b""), (1, b"three"), (2, b"two\nthree"), (99, b"one\ntwo\nthree")):
        reply = server.ask("GET", f"/jobs/{job}/logs/1/0?tail={lines}")
        assert (reply.body, reply.headers["x-log-offset"]) == (data, str(13 - len(data)))


def test_one_answer_holds_a_bounded_part_of_a_log(server, agent, job):
    data = b"x" * (5 * 1024 * 1024)
    agent.log(data)
    reply = server.ask("GET", f"/jobs/{job}/logs/1/0?limit={10**12}")
    assert len(reply.body) == 4 * 1024 * 1024
    assert reply.headers["x-log-length"] == str(len(data))


def test_each_rank_and_attempt_has_its_log(server, agent, job):
    agent.log(b"first", rank=1)
    agent.log(b"second", rank=0, attempt=2)
    keys = ("attempt", "rank", "stream", "length")
    assert [tuple(s[key] for key in keys) for s in server.get(f"/jobs/{job}/logs")["streams"]] == [
        (1, 1, "log", 5),
        (2, 0, "log", 6),
    ]


def test_a_log_that_nobody_wrote_is_not_found(server, agent, job):
    agent.log(b"x")
    for place in ("1/7", "2/0", f"1/{2**62}"):
        reply = server.ask("GET", f"/jobs/{job}/logs/{place}")
        assert reply.status == 404
        assert "has no log of rank" in reply.error


def test_a_place_in_a_log_that_can_not_be_is_refused(server, agent, job):
    agent.log(b"x")
    places = ["1/x", "1/-1", f"1/{10**30}"]
    queries = ["offset=-1", "tail=-1", "limit=-1", f"offset={10**30}"]
    for part in [*places, *(f"1/0?{query}" for query in queries)]:
        reply = server.ask("GET", f"/jobs/{job}/logs/{part}")
        assert reply.status == 422, part
        assert reply.error


# --- what agents append --------------------------------------------------------------------------


def test_pieces_are_taken_where_they_continue_what_is_there(agent):
    assert agent.append(("log", 1, 0, 0, b"abc"), ("log", 1, 1, 0, b"")).json()["lengths"] == [3, 0]
    assert agent.append(("log", 1, 0, 0, b"abc")).json() == {"lengths": [3], "followed": False}
    assert agent.append(("log", 1, 0, 9, b"later")).json()["lengths"] == [3]
    assert agent.append(("log", 1, 0, 2, b"cde")).json()["lengths"] == [5]


def test_logs_and_spools_in_one_request_keep_their_order_in_the_answer(server, agent, job):
    spool = b'{"t": 1.0, "k": "m", "step": 1, "m": {"loss": 0.5}}\n'
    sent = [("spool", 1, 0, 0, spool), ("log", 1, 0, 0, b"abc"), ("spool", 1, 1, 0, spool)]
    sent.append(("log", 1, 1, 0, b"de"))
    assert agent.append(*sent).json()["lengths"] == [len(spool), 3, len(spool), 2]
    assert server.show(job)["latest"] == {"loss": 0.5}
    assert server.ask("GET", f"/jobs/{job}/logs/1/1").body == b"de"


def test_a_request_whose_logs_are_many_is_one_commit(agent, monkeypatch):
    begun = []
    store = agent._server.store
    begin = store.begin
    monkeypatch.setattr(store, "begin", lambda: begun.append(1) or begin())
    agent.append(*(("log", 1, rank, 0, b"x") for rank in range(8)))
    assert len(begun) == 1


NO_PIECES = [
    b"",
    b"nonsense\n",
    b'{"pieces": []}\n',
    b'[{"stream": "log"}]\n',
    b'[{"stream": "log", "attempt": 1, "rank": 0, "offset": 0, "size": -1}]\nabc',
    b'[{"stream": "log", "attempt": -1, "rank": 0, "offset": 0, "size": 1}]\nabc',
    b'[{"stream": "log", "attempt": 1%s, "rank": 0, "offset": 0, "size": 1}]\na' % (b"0" * 30),
    b'[{"stream": "../x", "attempt": 1, "rank": 0, "offset": 0, "size": 1}]\na',
]


def test_pieces_that_are_none_are_refused(agent):
    for body in NO_PIECES:
        reply = agent.ask("POST", "/append", body=body)
        assert reply.status == 422, body
        assert reply.error


def test_a_body_without_end_is_refused_before_it_fills_the_memory(agent):
    block = b"x" * (16 * 1024 * 1024)
    reply = agent.ask("POST", "/append", body=[b"[]\n", *([block] * 5)])
    assert reply.status == 422
    assert "at once" in reply.error


# --- metrics -------------------------------------------------------------------------------------


def curves(server, job, **query):
    series = server.get(f"/jobs/{job}/metrics", **query)["series"]
    return {(s["name"], s["rank"]): [(p[0], p[1], p[3]) for p in s["points"]] for s in series}


def test_curves_are_stitched_over_attempts_unless_they_are_asked_for_raw(server, agent, job):
    agent.points(1, 2, 3, loss=1.0)
    agent.points(2, 3, attempt=2, loss=0.5)
    raw = [(1, 1.0, 1), (2, 1.0, 1), (3, 1.0, 1), (2, 0.5, 2), (3, 0.5, 2)]
    assert curves(server, job, raw=1) == {("loss", 0): raw}
    assert curves(server, job) == {("loss", 0): [(1, 1.0, 1), (2, 0.5, 2), (3, 0.5, 2)]}


def test_long_curves_come_whole_though_they_are_written_in_parts(server, agent, job, monkeypatch):
    monkeypatch.setattr("launcher.server.routes.jobs._POINTS_A_PART", 3)
    agent.points(*range(7), loss=1.0)
    agent.points(*range(6), rank=1, loss=2.0)
    assert curves(server, job) == {
        ("loss", 0): [(step, 1.0, 1) for step in range(7)],
        ("loss", 1): [(step, 2.0, 1) for step in range(6)],
    }
    assert curves(server, job, name="none") == {}


def test_curves_are_chosen_by_name_and_rank(server, agent, job):
    agent.points(1, loss=1.0, accuracy=0.5)
    agent.points(1, rank=1, loss=2.0)
    assert set(curves(server, job)) == {("loss", 0), ("accuracy", 0), ("loss", 1)}
    assert set(curves(server, job, name="loss", rank=1)) == {("loss", 1)}
    assert curves(server, job, name="<script>") == {}


def test_what_is_no_number_is_a_string_that_reads_as_one(server, agent, job):
    values = {"a": float("nan"), "b": float("inf"), "c": float("-inf")}
    agent.points(1, at=float("nan"), **values)
    shown = server.get(f"/jobs/{job}/metrics")["series"]
    assert [s["points"] for s in shown] == [
        [[1, text, "nan", 1]] for text in ("nan", "inf", "-inf")
    ]
    assert server.show(job)["latest"] == {"a": "nan", "b": "inf", "c": "-inf"}


# --- checkpoints ---------------------------------------------------------------------------------

FILES = {"model.pt": b"weights", "deep/er/opt.bin": b"\x00\xff", "caf\udce9": b"x", "leer": b""}


def test_a_committed_checkpoint_is_listed_and_its_files_come_back(server, agent, job):
    agent.commit(20, FILES, metrics={"loss": 0.5})
    (stored,) = server.get(f"/jobs/{job}/checkpoints")["checkpoints"]
    assert (stored["step"], stored["attempt"], stored["metrics"]) == (20, 1, {"loss": 0.5})
    assert stored["size"] == sum(map(len, FILES.values()))
    assert {file["path"] for file in stored["files"]} == set(FILES)
    for path in ("model.pt", "deep/er/opt.bin", "leer"):
        reply = server.ask("GET", f"/jobs/{job}/checkpoints/{stored['id']}/files/{path}")
        assert (reply.status, reply.body) == (200, FILES[path])
    assert server.show(job)["checkpoints"] == {"count": 1, "newest_step": 20}


def test_an_agent_gets_a_checkpoint_back_as_it_was(agent):
    committed = agent.commit(20, FILES).json()["committed"]
    manifest = agent.ask("GET", f"/checkpoints/{committed['id']}").json()
    for entry in manifest["files"]:
        assert agent.ask("GET", f"/blobs/{entry['sha256']}").body == FILES[entry["path"]]


def test_a_file_that_is_not_of_the_checkpoint_is_not_found(server, agent, job):
    committed = agent.commit(20, FILES).json()["committed"]
    outside = ["../../launcher.db", "..%2f..%2flauncher.db", "/etc/passwd", "//etc/passwd"]
    for path in [*outside, "model.pt/", "deep/er", "other", ""]:
        reply = server.ask("GET", f"/jobs/{job}/checkpoints/{committed['id']}/files/{path}")
        assert reply.status == 404, path
        assert "has no file" in reply.error


def test_a_checkpoint_that_is_not_there_is_refused(server, agent, job):
    for number, status in (("7", 404), ("-1", 422), (f"{10**30}", 422)):
        assert server.ask("GET", f"/jobs/{job}/checkpoints/{number}/files/x").status == status
        assert agent.ask("GET", f"/checkpoints/{number}").status == status


def test_a_checkpoint_whose_files_were_not_uploaded_is_not_committed(server, agent, job):
    entry = {"path": "model.pt", "size": 1, "sha256": hashlib.sha256(b"!").hexdigest()}
    reply = agent.ask("POST", "/checkpoints", data={"attempt": 1, "step": 1, "files": [entry]})
    assert (reply.status, reply.error) == (409, "1 of its files were not uploaded")
    assert server.get(f"/jobs/{job}/checkpoints")["checkpoints"] == []


def test_a_checkpoint_whose_path_leaves_its_folder_is_refused(agent):
    for path in ("../x", "/x", "a/../../x", ""):
        assert agent.commit(1, {path: b"x"}).status == 422, path


def test_a_checkpoint_of_a_step_that_can_not_be_kept_is_refused(agent):
    for step in (10**30, -(10**30), "x", None):
        reply = agent.commit(step, {"model.pt": b"x"})
        assert reply.status == 422, step
        assert reply.error


def test_a_checkpoint_of_an_attempt_that_is_over_is_refused_with_a_word_in_the_events(
    server, agent, job
):
    reply = agent.commit(30, {"model.pt": b"x"}, attempt=2)
    assert (reply.status, reply.error) == (409, "attempt 2 is over")
    told = [event["text"] for event in server.get(f"/jobs/{job}/events")["events"]]
    assert "checkpoint of step 30 refused: its attempt is over" in told


def test_a_checkpoint_that_is_committed_again_is_the_same(server, agent, job):
    first, again = (agent.commit(5, {"model.pt": b"x"}).json() for _ in range(2))
    assert first == again
    assert server.show(job)["checkpoints"]["count"] == 1
    assert agent.commit(5, {"model.pt": b"y"}).status == 409


def test_records_that_only_tensorboard_reads_are_kept_and_told_once_without_it(
    server, agent, job, monkeypatch
):
    monkeypatch.setattr("launcher.store.intake.reader", lambda: None)
    line = b'{"k":"e","run":".","d":"CQAAAAAAAFlA"}\n'
    assert agent.append(("observed", 1, 0, 0, line)).json()["lengths"] == [len(line)]
    assert agent.append(("observed", 1, 0, len(line), line)).json()["lengths"] == [2 * len(line)]
    (warning,) = [
        one for one in server.get(f"/jobs/{job}/events")["events"] if one["kind"] == "warning"
    ]
    assert "pip install 'trainlaunch[tensorboard]'" in warning["text"]


def test_a_checkpoint_whose_figure_is_no_number_can_be_put_back(server, agent, job):
    agent.commit(3, {"model.pt": b"x"}, metrics={"loss": float("nan"), "accuracy": 0.5})
    (shown,) = server.get(f"/jobs/{job}/checkpoints")["checkpoints"]
    assert shown["metrics"] == {"loss": "nan", "accuracy": 0.5}
    reply = agent.ask("GET", f"/checkpoints/{shown['id']}")
    assert (reply.status, reply.json()["metrics"]) == (200, {"accuracy": 0.5})
