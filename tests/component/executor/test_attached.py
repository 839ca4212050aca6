"""The executor on a cluster where nothing of ours is installed."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.cli._with_server import SERVER_PACKAGES
from launcher.clusters import _bundle
from launcher.executor import attached, serving

ONLY_STDLIB = """
import sys
class Fence:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top != "launcher" and top not in sys.stdlib_module_names:
            raise ImportError(f"{name} is no part of the standard library")
sys.meta_path.insert(0, Fence())
import launcher.executor.attached, launcher.executor.serving, launcher.executor.main
import launcher.executor.agent
"""


def test_what_runs_on_a_head_imports_the_standard_library_alone_until_it_imports_ray(tmp_path):
    import io
    import zipfile

    zipfile.ZipFile(io.BytesIO(_bundle.bundle({}, whole=False))).extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-S", "-c", ONLY_STDLIB],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


def test_the_start_script_is_one_that_a_plain_shell_reads(tmp_path):
    (tmp_path / "start.sh").write_text(_bundle._START)
    subprocess.run(["sh", "-n", "start.sh"], cwd=tmp_path, check=True)


def test_agents_do_not_inherit_what_ray_made_for_the_executors_job(monkeypatch):
    config = {"runtime_env": {"working_dir": "gcs://x.zip"}, "metadata": {"name": "x"}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(config))
    attached.leave_job_environment()
    left = json.loads(os.environ["RAY_JOB_CONFIG_JSON_ENV_VAR"])
    assert left == {"runtime_env": {}, "metadata": {"name": "x"}}


def test_a_server_that_is_not_reached_is_told_with_the_ways_out():
    with pytest.raises(Exception, match="does not reach your server") as told:
        attached.check_server("http://127.0.0.1:9", "s1")
    assert "--with-server" in told.value.hint


def test_the_token_is_kept_for_the_owner_alone_in_place_of_an_earlier_one(tmp_path):
    serving.keep_token(tmp_path / "state", "one")
    serving.keep_token(tmp_path / "state", "two")
    file = Path(tmp_path / "state" / "token")
    assert file.read_text() == "two"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_port_that_is_taken_is_refused_before_the_server_starts():
    import socket

    with (
        socket.create_server(("", 0)) as taken,
        pytest.raises(Exception, match="cannot be listened"),
    ):
        serving.check_port(taken.getsockname()[1])


def test_packages_that_a_server_needs_are_those_of_the_project():
    """Whatever our own server imports is looked for on a head, and named to Ray when it lacks."""
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    keys = ("dependencies", "server")
    lists = [re.search(rf"^{key} = (\[.*?\])$", text, re.MULTILINE | re.DOTALL) for key in keys]
    drawn_with = {"plotille>=5"}  # by people's commands alone
    named = {one for found in lists for one in ast.literal_eval(found[1])} - drawn_with
    assert sorted(named) == sorted(SERVER_PACKAGES)
    imported = {re.split(r"[>=<~]", one)[0].replace("-", "_").lower() for one in named}
    assert imported - {"pyyaml"} == set(serving.NEEDS) - {"yaml"}
