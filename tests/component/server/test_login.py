"""`launcher login` and its kin, over the application in this process."""

import json
import stat
from pathlib import Path

import pytest
from command_line import URL, CommandLines
from players import TOKEN

from launcher.contexts import contexts_file


@pytest.fixture
def lines(server, tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    return CommandLines(server.browser, folder, TOKEN)


@pytest.fixture
def say(lines):
    """Stdout, stderr and exit code of a line of somebody who has only what they logged in by."""

    def say(line, typed=""):
        return lines.run(f"LAUNCHER_SERVER= LAUNCHER_TOKEN= {line}", typed)

    return say


@pytest.fixture
def token(server):
    """Of ada, a member of vision."""
    wish = {"name": "ada", "project": "vision"}
    return server.ask("POST", "/users", data=wish).json()["text"]


def kept(lines):
    return lines.folder / "config" / "launcher" / contexts_file().name


def test_a_token_from_stdin_is_checked_and_kept_for_its_user_alone(say, lines, token):
    out, err, code = say(f"launcher login {URL}", f"{token}\n")
    assert (out, code) == (f"ada at {URL}\n", 0)
    assert "your roles: vision: member" in err
    assert "it is not https" in err
    file = kept(lines)
    assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600
    data = json.loads(file.read_text())
    assert data["current"] == "queue"
    assert data["contexts"][0]["token"] == token
    assert token not in out + err


def test_after_a_login_commands_speak_with_the_users_rights(say, server, token):
    server.new_job(name="hidden", project="audio")
    server.new_job(name="seen", project="vision")
    say(f"launcher login {URL}", token)
    told = json.loads(say("launcher list --output json")[0])
    assert [job["name"] for job in told] == ["seen"]


def test_a_token_that_is_not_known_is_not_kept(say, lines):
    _, err, code = say(f"launcher login {URL}", "lt_abcdefgh_guess\n")
    assert err.startswith(f"error: {URL} does not know that token")
    assert code == 4
    assert not kept(lines).exists()


def test_whoami_tells_the_name_the_roles_and_when_the_token_ends(say, token):
    say(f"launcher login {URL}", token)
    told, _, _ = say("launcher whoami")
    assert "ada  user" in told
    assert "vision: member" in told


def test_logout_forgets_the_token_here_and_revoke_ends_it(say, lines, server, token):
    say(f"launcher login {URL}", token)
    say("launcher logout")
    assert json.loads(kept(lines).read_text())["contexts"][0]["token"] is None
    assert server.ask("GET", "/whoami", token=token).status == 200
    say(f"launcher login {URL}", token)
    say("launcher logout --revoke")
    assert server.ask("GET", "/whoami", token=token).status == 401


def test_logout_ends_the_token_that_is_kept_and_not_that_of_the_environment(
    say, lines, server, token
):
    say(f"launcher login {URL}", token)
    other = server.ask("POST", "/tokens", data={"user": "ada"}).json()["text"]
    out = lines.run(f"LAUNCHER_SERVER={URL} LAUNCHER_TOKEN={other} launcher logout --revoke")
    assert out[2] == 0, out
    assert server.ask("GET", "/whoami", token=other).status == 200
    assert server.ask("GET", "/whoami", token=token).status == 401


def test_a_login_says_what_of_the_environment_goes_before_it(say, lines, token):
    _, err, _ = lines.run(f"LAUNCHER_SERVER= LAUNCHER_TOKEN=other launcher login {URL}", token)
    assert "LAUNCHER_TOKEN is set" in err
    assert "is set" not in say(f"launcher login {URL}", token)[1]


def test_last_is_the_newest_job_of_the_user_whose_token_it_is(say, server, token):
    say(f"launcher login {URL}", token)
    spec = {"name": "mine", "framework": "command", "entrypoint": ["true"], "project": "vision"}
    reply = server.ask("POST", "/jobs", token=token, data={"spec": spec, "user": "somebody"})
    theirs = {"spec": spec | {"name": "theirs"}, "user": "grace"}
    assert server.ask("POST", "/jobs", data=theirs).status == 201
    told = json.loads(say("launcher show last --output json")[0])
    assert told["id"] == reply.json()["id"]


def test_a_new_token_is_alone_on_stdout(server, lines):
    server.ask("POST", "/users", data={"name": "ada"})
    out, err, _ = lines.run("launcher token create --user ada --expires never")
    assert server.ask("GET", "/whoami", token=out.strip()).json()["name"] == "ada"
    assert "it is shown this once" in err
