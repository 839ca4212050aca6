"""cluster/: `ray up` and systemd accept it, and it starts Ray as we start our own."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from launcher import __version__
from launcher.clusters import _start

ROOT = Path(__file__).parents[3]
CLUSTER = ROOT / "cluster"
DEFINITIONS = sorted(CLUSTER.glob("*.yaml"))
CLOUDS = [path for path in DEFINITIONS if path.stem != "onprem"]
UNITS = sorted((CLUSTER / "systemd").glob("*.service"))
PLACEHOLDER = re.compile(r"\b[A-Z]+_[A-Z_]+\b")
RAYS_OWN = {"RAY_HEAD_IP"}
INSTALLED_AT = "/opt/launcher/venv/bin/"

by_name = pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.stem)
of_clouds = pytest.mark.parametrize("path", CLOUDS, ids=lambda path: path.stem)
of_units = pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text())


def explained(path: Path) -> set[str]:
    """The placeholders that the comment at the top tells of."""
    return set(re.findall(r"^#   ([A-Z]+_[A-Z_]+) ", path.read_text(), re.MULTILINE))


def commands(config: dict) -> list[str]:
    return [line for key, lines in config.items() if key.endswith("_commands") for line in lines]


@by_name
def test_ray_itself_accepts_a_definition(path: Path) -> None:
    """Its loader fills in the provider's defaults, its schema judges what comes of it."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(read(path))
    validate_config(prepared)
    assert prepared["head_node_type"] in prepared["available_node_types"]
    with pytest.raises(Exception, match="node_typo"):
        validate_config(prepared | {"node_typo": 1})


@by_name
def test_every_placeholder_is_explained_at_the_top_and_used_below(path: Path) -> None:
    lines = [line.partition("#")[0] for line in path.read_text().splitlines()]
    used = set(PLACEHOLDER.findall("\n".join(lines))) - RAYS_OWN
    assert {"CLUSTER_NAME", "SERVER_URL"} <= used
    assert used == explained(path)


@by_name
def test_the_executor_starts_after_ray_on_the_head_alone_and_finds_its_token_in_a_file(
    path: Path,
) -> None:
    config = read(path)
    stop, start, executor = config["head_start_ray_commands"]
    assert stop == "ray stop"
    assert "ray start --head" in start
    assert "--autoscaling-config=~/ray_bootstrap_config.yaml" in start
    assert executor.startswith("bash ~/launcher/executor.sh --server SERVER_URL")
    assert "--token-file ~/launcher/executor-token" in executor
    assert not any("executor.sh" in line for line in config["worker_start_ray_commands"])
    for remote in ("executor.sh", "executor-token", "ray-token", "ray.env"):
        assert f"~/launcher/{remote}" in config["file_mounts"]
    assert "token=" not in path.read_text().lower().replace("ray_auth_token", "")


@by_name
def test_the_whole_cluster_has_one_ray_and_the_head_this_launcher(path: Path) -> None:
    config = read(path)
    installs = [line for line in commands(config) if "pip install" in line]
    ray = importlib.metadata.version("ray")
    assert [f"'ray[default]=={ray}'" in line for line in installs] == [True, False]
    assert f"'trainlaunch[ray]=={__version__}'" in installs[1]
    assert installs[0] in config["setup_commands"]
    assert installs[1] in config["head_setup_commands"]


def test_ray_gets_the_settings_that_the_embedded_one_gets(tmp_path: Path) -> None:
    script = f". {CLUSTER / 'ray.env'}; env"
    done = subprocess.run(
        ["sh", "-c", script],
        env={"HOME": str(tmp_path), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    )
    set_ = dict(line.split("=", 1) for line in done.stdout.splitlines())
    ours = _start.ray_environment({}, cpus=1)
    for name in ("RAY_worker_niceness", "RAY_memory_monitor_refresh_ms"):
        assert set_[name] == ours[name]
    assert set_["RAY_AUTH_MODE"] == "token"
    assert set_["RAY_AUTH_TOKEN_PATH"] == f"{tmp_path}/launcher/ray-token"
    assert set_["PATH"].startswith(f"{tmp_path}/launcher/venv/bin:")


@of_clouds
def test_clouds_offer_gpus_on_demand_and_spot_and_start_with_none(path: Path) -> None:
    types = read(path)["available_node_types"]
    head, demand, spot = (types[name] for name in ("head", "gpu", "gpu_spot"))
    assert head["resources"] == {"CPU": 0}, "no job runs there"
    own = [
        {name for name in one["resources"] if name.startswith("pool_")} for one in (demand, spot)
    ]
    assert own == [{"pool_gpu"}, {"pool_gpu_spot"}], "told apart where labels are not heeded"
    for name in ("CPU", "GPU"):
        assert demand["resources"][name] == spot["resources"][name]
    assert demand["resources"]["GPU"] > 0
    assert (demand["min_workers"], spot["min_workers"]) == (0, 0)
    market = "ray.io/market-type"
    assert (demand["labels"][market], spot["labels"][market]) == ("on-demand", "spot")
    assert "SPOT" not in str(demand["node_config"]).upper()
    assert "SPOT" in str(spot["node_config"]).upper()


def test_the_executors_script_is_sound_and_can_be_run() -> None:
    script = CLUSTER / "executor.sh"
    assert script.stat().st_mode & stat.S_IXUSR
    subprocess.run(["bash", "-n", str(script)], check=True)
    if shellcheck := shutil.which("shellcheck"):
        subprocess.run([shellcheck, str(script)], check=True)


@of_units
def test_systemd_accepts_a_unit(path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    assert INSTALLED_AT in text
    for one in UNITS:  # they name one another
        own = one.read_text().replace(INSTALLED_AT, f"{Path(sys.executable).parent}/")
        (tmp_path / one.name).write_text(own)
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed: apt install systemd")
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / path.name)],
        capture_output=True,
        text=True,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": os.defpath},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@of_units
def test_a_unit_is_started_again_keeps_tokens_in_files_and_outlives_a_rank_without_memory(
    path: Path,
) -> None:
    text = path.read_text()
    lines = text.splitlines()
    assert "Restart=always" in lines
    assert "User=launcher" in lines
    assert "NoNewPrivileges=yes" in lines
    if "ray start" in text:
        assert "OOMPolicy=continue" in lines
    assert not re.search(r"(?i)token=\S", text)


def test_the_pages_name_every_file_placeholder_and_setting() -> None:
    text = "".join(path.read_text() for path in (ROOT / "docs").glob("clusters-*.md"))
    for path in (*DEFINITIONS, *UNITS):
        assert path.name in text
    placeholders = {word for path in DEFINITIONS for word in explained(path)}
    settings = {word for path in UNITS for word in re.findall(r"\$\{(\w+)\}", path.read_text())}
    for word in placeholders | settings - {"STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"}:
        assert re.search(rf"\b{word}\b", text), word
