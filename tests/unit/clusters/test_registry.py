import subprocess
import sys

import pytest

from launcher import clusters
from launcher.clusters.base import Cluster
from launcher.errors import SpecError


def test_every_file_without_underscore_is_a_kind_of_cluster():
    assert {"local", "ray"} <= set(clusters.names())
    assert not {"base", "_head", "_gpus"} & set(clusters.names())


@pytest.mark.parametrize("name", clusters.names())
def test_a_kind_is_loaded_by_its_file_name(name):
    assert issubclass(clusters.load(name), Cluster)


def test_a_misspelt_kind_is_refused_with_the_nearest():
    with pytest.raises(SpecError) as refused:
        clusters.load("locl")
    assert refused.value.message == "unknown kind of cluster 'locl'"
    assert refused.value.hint == "did you mean 'local'?"


def test_status_and_stop_need_neither_ray_nor_psutil(tmp_path):
    program = """
import pathlib, sys
from launcher.clusters.local import LocalRay
cluster = LocalRay(pathlib.Path(sys.argv[1]))
assert cluster.running() is None and cluster.memory_bytes() == 0
cluster.stop()
assert not {"ray", "psutil"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "none")], check=True)
    assert not (tmp_path / "none").exists()
