"""`launcher exec` in its own process: what it passes on, and what it ends with."""

import json

import pytest

from launcher.cli._terminal import Escape
from launcher.model.visit import ALIVE, END, STDERR, STDOUT, VisitEnd, exit_code, frame

PLACED = {"id": "v1", "job": "digits-k3m9ap", "attempt": 1, "rank": 0, "node": 0}
OUT, ERR = frame(STDOUT, b"out"), frame(STDERR, b"err")


def end(code=0, reason=""):
    return frame(END, json.dumps({"code": code, "reason": reason}).encode())


@pytest.fixture
def exec_(cli, fake):
    """Runs a command whose output the server gives so; (exit code, stdout, stderr)."""

    def run(*output, words=("true",)):
        answers = list(output)
        answer = fake.answer

        def answer_exec(method, path, query, body, headers):
            if method == "GET" and path.endswith("/output"):
                return (
                    (200, answers.pop(0), {}) if answers else answer(method, path, query, b"", {})
                )
            return answer(method, path, query, body, headers)

        fake.answer = answer_exec
        fake.said |= {("POST", "jobs"): PLACED, ("POST", "exec"): {"length": 0}}
        fake.said |= {("DELETE", "exec"): {}, ("PUT", "exec"): {}}
        return cli("exec", "digits", "--", *words)

    return run


def asked(fake, method, part):
    return [path for verb, path, _ in fake.requests if verb == method and part in path]


def test_both_outputs_and_the_exit_code_are_the_commands(exec_, fake):
    code, out, err = exec_(OUT + frame(ALIVE, b"") + ERR + end(3))
    assert (code, out, err) == (3, "out", "err")
    assert len(asked(fake, "DELETE", "/exec/v1")) == 1


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (255, 255), (-15, 143), (None, 125)])
def test_exit_codes_are_those_of_a_shell(code, expected):
    assert exit_code(VisitEnd(code)) == expected


def test_what_launcher_ended_is_told_and_has_a_code_of_its_own(exec_):
    code, out, err = exec_(OUT + end(None, "attempt 1 of digits is over"))
    assert (code, out) == (125, "out")
    assert err == "error: the command was ended: attempt 1 of digits is over\n"


@pytest.mark.parametrize("cut", [len(OUT), len(OUT) + 4])
def test_a_broken_connection_is_taken_up_behind_what_came(exec_, fake, monkeypatch, cut):
    monkeypatch.setattr("launcher.api.visits._PAUSE_S", 0.0)
    whole = OUT + ERR + end(0)
    code, out, err = exec_(whole[:cut], whole[len(OUT) :])
    assert (code, out, err) == (0, "out", "err")
    offsets = [path.partition("offset=")[2] for path in asked(fake, "GET", "/output")]
    assert offsets == ["0", str(len(OUT))]


def test_a_server_that_forgot_the_command_is_no_success(exec_, monkeypatch):
    monkeypatch.setattr("launcher.api.visits._PAUSE_S", 0.0)
    code, out, err = exec_(OUT)
    assert (code, out) == (125, "out")
    assert err.startswith("error: no route")


def test_what_is_no_output_of_a_command_is_told(exec_):
    code, _, err = exec_(b"<html>please log in</html>")
    assert code == 125
    assert "sends no output of a command: no frame" in err


def test_a_refusal_has_the_code_that_no_command_has(cli, fake):
    code, _, err = cli("exec", "nobody", "--", "true")
    assert (code, err.splitlines()[0]) == (125, "error: no job nobody")


def test_input_that_is_piped_in_is_passed_on_to_its_end(exec_, fake):
    exec_(end(0))  # pytest's own stdin is empty
    given = asked(fake, "POST", "/exec/v1/input")
    assert all("last=1" in path for path in given)


@pytest.mark.parametrize(
    ("typed", "through", "leaves"),
    [
        (["ls ~.", "\r"], b"ls ~.\r", False),
        (["~."], b"", True),
        (["ls\r", "~", ".", "never"], b"ls\r", True),
        (["\r~~."], b"\r~.", False),
        (["~/bin\r~?"], b"~/bin\r~?", False),
        (["a~.\n~x~.\n"], b"a~.\n~x~.\n", False),
    ],
)
def test_a_tilde_and_a_dot_leave_only_at_the_beginning_of_a_line(typed, through, leaves):
    escape, passed, left = Escape(), b"", False
    for text in typed:
        if not left:
            data, left = escape.read(text.encode())
            passed += data
    assert (passed, left) == (through, leaves)
