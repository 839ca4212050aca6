"""GPUs are read by the real nvidia-ml-py, out of a driver's library that a compiler made here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "nvml"
COMPILER = shutil.which("cc") or shutil.which("gcc")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler makes the driver's library")

Looks = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module", params=["new", "old"])
def driver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a driver's library; an old one has a function under its former name."""
    folder: Path = tmp_path_factory.mktemp("driver")
    library = folder / "libnvidia-ml.so.1"
    old = ["-DOLD_DRIVER"] if request.param == "old" else []
    source = str(HERE / "nvml.c")
    assert COMPILER
    subprocess.run(
        [COMPILER, "-shared", "-fPIC", "-Wall", "-Werror", *old, "-o", str(library), source],
        check=True,
    )
    return folder


@pytest.fixture
def looks(driver: Path) -> Looks:
    def look(*gpus: str) -> dict[str, Any]:
        environment = os.environ | {"LD_LIBRARY_PATH": str(driver)}
        command = [sys.executable, str(HERE / "looks.py"), *gpus]
        done = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return look


def test_every_figure_comes_through_the_library(looks: Looks) -> None:
    found = looks("0", "1")
    first = found["looks"][0]
    assert {name: value for name, value in first.items() if name.startswith("gpu0/")} == {
        "gpu0/utilization": 97.0,
        "gpu0/power": 412.3,
        "gpu0/temperature": 61.0,
        "gpu0/memory": 70.0 * 2**30,
        "gpu0/memory_total": 80.0 * 2**30,
        "gpu0/throttled_thermal": 0.0,
        "gpu0/throttled_power": 0.0,
        "gpu0/throttled_hardware": 0.0,
        "gpu0/ecc_corrected": 3.0,
        "gpu0/ecc_uncorrected": 0.0,
    }
    assert "gpu1/power" not in first  # that one has none
    assert found["inits"] == 1


def test_what_seldom_changes_is_told_when_it_does_and_faults_are_warnings(looks: Looks) -> None:
    found = looks("0", "1")
    _, same, hot, braked, broken = found["looks"]
    steady = {"utilization", "power", "temperature", "memory"}
    assert {name.partition("/")[2] for name in same} == steady
    assert hot["gpu0/utilization"] == 12.0
    assert hot["gpu0/throttled_thermal"] == 1.0
    assert braked["gpu0/throttled_thermal"] == 0.0
    assert (braked["gpu0/throttled_power"], braked["gpu0/throttled_hardware"]) == (1.0, 1.0)
    assert (broken["gpu0/ecc_uncorrected"], broken["gpu1/xid"]) == (2.0, 79.0)
    assert found["warnings"] == [
        "gpu0 is too hot and runs slower than it could",
        "gpu0: 2 memory errors that ECC could not correct",
        "gpu1: the driver reports XID error 79",
    ]


def test_a_gpu_is_found_by_its_uuid_and_one_that_is_not_there_is_left_out(looks: Looks) -> None:
    first = looks("GPU-1111", "GPU-none")["looks"][0]
    assert first["gpu0/utilization"] == 5.0
    assert not [name for name in first if name.startswith("gpu1/")]
