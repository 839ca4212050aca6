"""Secrets on the real path: ranks get them, and no copy of a value is anywhere else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import exec_client
import machine
import pytest
from exec_client import Terminal
from machine import wait_until
from stack import Stack

from launcher.errors import SpecError

TOKEN = "wandb-0123456789abcdef"
KEY = (
    "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7\n-----END KEY-----"
)

TELLS = """
import hashlib, json, os, sys, time
token, key = os.environ["WANDB_API_KEY"], os.environ["DEPLOY_KEY"]
print(hashlib.sha256((token + key).encode()).hexdigest(), flush=True)
print("token is", token, "and so is", json.dumps({"a": token}), flush=True)
print(key)
for line in key.splitlines():
    print("    |", line, flush=True)
os.write(1, b"half of " + token[:9].encode())  # the server may have got this
while not os.path.exists(os.environ["GO"]):
    time.sleep(0.01)
os.write(1, token[9:].encode() + b"\\n")
import launcher
launcher.report(step=1, **{"loss": 1.0, f"loss of {token}": 2.0})
with open(os.environ["TORCHELASTIC_ERROR_FILE"], "w") as file:
    json.dump({"message": {"message": f"RuntimeError: {token} was refused"}}, file)
os.write(2, f"cannot log in with {token}\\nits beginning is {token[:5]}".encode())
os._exit(1)
"""


@pytest.fixture
def keep(stack: Stack) -> Iterator[list[str]]:
    """The secrets of these tests, forgotten at the end."""
    stack.client.set_secret("WANDB_API_KEY", TOKEN)
    stack.client.set_secret("TEAM_DEPLOY_KEY", KEY)
    kept = ["WANDB_API_KEY", "TEAM_DEPLOY_KEY"]
    yield kept
    for name in {secret.name for secret in stack.client.secrets()}:
        stack.client.remove_secret(name)


def files_with(roots: Iterable[Path], *values: str) -> list[str]:
    """Files below the roots in which a value, or a line of it, stands."""
    forms = [line.encode() for value in values for line in value.splitlines()]
    found = []
    for path in (path for root in roots for path in root.rglob("*") if path.is_file()):
        content = path.read_bytes()
        found += [f"{path}: {form!r}" for form in forms if form in content]
    return found


def has_printed(stack: Stack, job: str, words: bytes) -> bool:
    return bool(stack.client.log_streams(job)) and words in stack.log(job)


@pytest.mark.usefixtures("keep")
def test_a_rank_gets_its_secrets_and_nobody_else_ever_sees_them(
    stack: Stack, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    job = stack.submit(
        TELLS,
        workers=1,
        env={"GO": str(go)},
        secrets={"WANDB_API_KEY": "WANDB_API_KEY", "DEPLOY_KEY": "TEAM_DEPLOY_KEY"},
    )
    stack.wait_for(job, lambda: has_printed(stack, job, b"half of"), "the first half")
    assert stack.log(job).endswith(b"half of ")
    go.touch()
    ended = stack.wait(job, "FAILED")
    lines = stack.log(job).decode().splitlines()
    assert lines[0] == hashlib.sha256((TOKEN + KEY).encode()).hexdigest()
    stars = "*" * len(TOKEN)
    assert lines[1] == f"token is {stars} and so is " + json.dumps({"a": stars})
    assert lines[2:6] == ["*" * len(line) for line in KEY.splitlines()]
    assert lines[6:10] == ["    | " + "*" * len(line) for line in KEY.splitlines()]
    assert lines[10:] == [
        f"half of {stars}",
        f"cannot log in with {stars}",
        "its beginning is wandb",
    ]
    told = json.dumps([str(ended), str(stack.client.events(job)), str(stack.client.secrets())])
    assert f"RuntimeError: {stars} was refused" in told
    assert {series.name for series in stack.client.metrics(job)} == {"loss", f"loss of {stars}"}
    assert TOKEN not in told
    assert ended.spec is not None
    assert ended.spec["secrets"] == {
        "WANDB_API_KEY": "WANDB_API_KEY",
        "DEPLOY_KEY": "TEAM_DEPLOY_KEY",
    }
    assert files_with([stack.folder, stack.nodes._folder], TOKEN, KEY) == []


STOPS_WITHOUT_A_SERVER = """
import os, time
print("before", os.environ["WANDB_API_KEY"], flush=True)
while not os.path.exists(os.environ["GO"]):
    time.sleep(0.01)
if os.environ["LAUNCHER_ATTEMPT"] == "1":
    print("while the server is away", os.environ["WANDB_API_KEY"], flush=True)
    open(os.environ["SAID"], "w").close()
    time.sleep(600)
print("after", os.environ["WANDB_API_KEY"], flush=True)
"""


@pytest.mark.usefixtures("keep")
def test_what_a_dead_agent_left_is_redacted_with_the_values_that_it_had(
    stack: Stack, tmp_path: Path
) -> None:
    go, said = tmp_path / "go", tmp_path / "said"
    env = {"GO": str(go), "SAID": str(said)}
    job = stack.submit(
        STOPS_WITHOUT_A_SERVER, workers=1, env=env, retries=1, secrets=["WANDB_API_KEY"]
    )
    stack.wait_for(job, lambda: has_printed(stack, job, b"before"), "a line")
    stack.client.set_secret("WANDB_API_KEY", "another-value-0123456789")
    assert files_with([stack.jobs_folder], "another-value-0123456789") == []
    sealed = next(stack.jobs_folder.glob(f"{job}@*")) / "sealed.json"
    assert TOKEN not in sealed.read_text()
    stack.server.kill()
    go.touch()
    wait_until(said.exists, "a line that the server cannot get")
    machine.kill(machine.agent_of(machine.ranks(job)[0]))
    stack.start_server()
    stack.wait(job, "SUCCEEDED")
    stars = b"*" * len(TOKEN)
    lines = b"before %s\nwhile the server is away %s\n" % (stars, stars)
    assert stack.log(job) == lines
    assert stack.log(job, attempt=2).splitlines()[-1] == b"after " + b"*" * 24
    assert files_with([stack.folder], TOKEN, "another-value-0123456789") == []


SHOWS = """
import hashlib, os, sys, time
token = os.environ["WANDB_API_KEY"]
print(hashlib.sha256(token.encode()).hexdigest(), flush=True)
for output in 1, 2:
    os.write(output, b"half of " + token[:9].encode())
    time.sleep(0.3)  # so that the halves come apart
    os.write(output, token[9:].encode() + b"\\n")
"""


@pytest.mark.usefixtures("keep")
def test_no_command_beside_a_rank_shows_a_secret_and_a_shell_echoes_at_once(
    stack: Stack, tmp_path: Path
) -> None:
    stop = tmp_path / "stop"
    waits = "import os, time\nwhile not os.path.exists(os.environ['STOP']): time.sleep(0.02)"
    secrets = {"WANDB_API_KEY": "WANDB_API_KEY", "DEPLOY_KEY": "TEAM_DEPLOY_KEY"}
    job = stack.submit(waits, workers=1, env={"STOP": str(stop)}, secrets=secrets)
    stack.wait(job, "RUNNING")
    stars = "*" * len(TOKEN)
    done = exec_client.run(stack, job, "--", "python", "-c", SHOWS)
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    assert done.stdout.decode() == f"{digest}\nhalf of {stars}\n"
    assert done.stderr.decode() == f"half of {stars}\n"
    shown = exec_client.run(stack, job, "--", "env").stdout.decode()
    assert f"WANDB_API_KEY={stars}\n" in shown
    assert not [line for line in (TOKEN, *KEY.splitlines()) if line in shown]
    with Terminal(stack, "-it", job, "--", "bash", "--norc", "--noprofile") as terminal:
        terminal.await_text("bash-")
        terminal.type("w")  # as the token begins
        terminal.await_text("w")
        terminal.type('andering 2>/dev/null; echo "$DEPLOY_KEY" $WANDB_API_KEY\r')
        terminal.await_text("*" * 27 + "\r\n")
        terminal.await_text(f" {stars}\r\n")
        terminal.type("exit\r")
        assert terminal.wait() == 0
    stop.touch()
    stack.wait(job, "SUCCEEDED")


def test_a_secret_that_is_not_there_is_told_at_submit(stack: Stack, keep: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        stack.submit("print(1)", secrets=["WANDB_APY_KEY"])
    assert str(caught.value) == (
        "secrets: no secret 'WANDB_APY_KEY' for project 'default'; did you mean WANDB_API_KEY"
    )
    assert "launcher secret set WANDB_APY_KEY" in (caught.value.hint or "")


def test_a_secret_that_was_removed_since_ends_the_job_in_words(
    stack: Stack, keep: list[str]
) -> None:
    blocker = stack.submit("import time; time.sleep(600)", workers=12)
    stack.wait(blocker, "RUNNING")
    job = stack.submit("print(1)", workers=1, secrets=keep[:1])
    assert stack.client.remove_secret("WANDB_API_KEY") == [job]
    stack.client.cancel(blocker, force=True)
    ended = stack.wait(job, "FAILED")
    assert "secrets: WANDB_API_KEY: removed since the job was submitted" in (ended.reason or "")
    assert "launcher secret set WANDB_API_KEY" in (ended.reason or "")
