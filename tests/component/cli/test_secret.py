"""`launcher secret` and `launcher notify`: what they send, and what they never do."""

import io
import sys

import pytest

VALUE = "s3cr3t-value"


@pytest.fixture
def keeps(fake, monkeypatch):
    """A server that keeps secrets: what was sent to it, as (method, path, body)."""
    sent = []
    answer = fake._answer

    def of_secrets(method, parts, query, body, headers):
        if parts[0] not in {"secrets", "notify"}:
            return answer(method, parts, query, body, headers)
        sent.append((method, "/".join(parts), query, body))
        listed = {"name": "API_KEY", "project": "vision", "user": "ada", "set_at": 1_700_000_000.0}
        said = {"new": True, "jobs": [], "secrets": [listed], "status": 204, "key": "whsec_QQ=="}
        return 200, said | ({"secrets": 3} if method == "POST" else {}), {}

    monkeypatch.setattr(fake, "_answer", of_secrets)
    return sent


@pytest.fixture
def stdin(monkeypatch):
    def give(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return give


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"a\n", b"a"), (b"a", b"a"), (b"a\r\n", b"a"), (b"a\nb\n\n", b"a\nb\n"), (b" a ", b" a ")],
)
def test_a_value_comes_from_stdin_without_the_end_of_its_last_line(cli, keeps, stdin, data, value):
    stdin(data)
    code, out, err = cli("secret", "set", "API_KEY", "-", "--project", "vision")
    assert (code, out) == (0, "")
    assert "API_KEY is kept, for jobs of project vision" in err
    ((method, path, query, body),) = keeps
    assert (method, path, body) == ("PUT", "secrets/API_KEY", value)
    assert query == {"project": ["vision"], "user": ["ada"]}


def test_at_a_terminal_a_value_is_asked_for_and_not_shown(cli, keeps, monkeypatch):
    asked = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(
        "click.termui.hidden_prompt_func", lambda prompt: asked.append(prompt) or VALUE
    )
    code, out, err = cli("secret", "set", "API_KEY")
    assert (code, keeps[0][3]) == (0, VALUE.encode())
    assert len(asked) == 1
    assert VALUE not in out + err


@pytest.mark.parametrize("words", [[f"API_KEY={VALUE}"], ["API_KEY", VALUE], ["API_KEY", "-", "x"]])
def test_a_value_is_never_an_argument_and_never_repeated(cli, keeps, stdin, words):
    stdin(b"")
    code, out, err = cli("secret", "set", *words)
    assert code == 2
    assert "a value is never an argument" in err
    assert "launcher secret set API_KEY asks for it" in err
    assert VALUE not in out + err
    assert keeps == []


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("RANK", b"x", "'RANK' is set by the launcher for every worker; choose another name"),
        ("API_KEY", b"\n", "the value of API_KEY is empty"),
        ("API_KEY", b"s3cr\xff", "the value of API_KEY is not UTF-8"),
        ("API_KEY", b"x" * 70_000, "at most 65,536 are kept"),
    ],
)
def test_what_cannot_be_kept_is_told_before_it_is_sent(  # noqa: PLR0917 - fixtures and cases
    cli, keeps, stdin, name, data, words
):
    stdin(data)
    code, _, err = cli("secret", "set", name)
    assert code == 2
    assert words in err
    assert keeps == []


def test_who_keeps_a_short_value_is_told_that_it_is_not_blotted_out(cli, keeps, stdin):
    stdin(b"12345")
    _, _, err = cli("secret", "set", "PIN")
    assert "less than 6 bytes, so it is not blotted out" in err


def test_secrets_are_listed_with_whose_they_are(cli, keeps):
    code, out, _ = cli("secret", "list")
    assert code == 0
    assert out.split()[:8] == ["NAME", "PROJECT", "SET", "BY", "AGO", "API_KEY", "vision", "ada"]


def test_a_secret_is_forgotten(cli, keeps):
    code, _, err = cli("secret", "rm", "API_KEY", "-y")
    assert code == 0
    assert "API_KEY is forgotten, for jobs of all projects" in err
    assert keeps[0][:3] == ("DELETE", "secrets/API_KEY", {})


def test_all_secrets_are_encrypted_anew(cli, keeps):
    assert cli("secret", "renew-key")[2].endswith("3 secrets encrypted with a new key\n")


def test_a_receiver_is_tried_out(cli, keeps):
    code, _, err = cli("notify", "test", "https://hooks.example/x")
    assert code == 0
    assert "the receiver took the message (it answered 204)" in err
    assert cli("notify", "key", "--url-secret", "SLACK")[1] == "whsec_QQ==\n"
    assert cli("notify", "test")[0] == 2
    assert cli("notify", "test", "https://a", "--url-secret", "B")[0] == 2
