"""`launcher k8s render`: golden files, and nothing that Kubernetes or KubeRay would refuse."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from launcher.cli._commands import launcher
from launcher.clusters._kuberay_manifest import Order, rayjob, secret
from launcher.model.job import Resources
from launcher.model.own_cluster import KubernetesCluster, OwnCluster

GOLDEN = Path(__file__).parents[2] / "data/kuberay_rendered"
SPECS = sorted(GOLDEN.glob("*.job.yaml"))


@pytest.fixture
def render(tmp_path, monkeypatch):
    (tmp_path / "train.py").write_text("print(1)\n")
    monkeypatch.chdir(tmp_path)

    def run(spec, *options):
        shutil.copy(spec, "job.yaml") if isinstance(spec, Path) else Path("job.yaml").write_text(
            spec
        )
        return CliRunner().invoke(launcher, ["k8s", "render", "job.yaml", *options])

    return run


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_what_is_made_of_a_spec_is_as_it_was_read(render, spec):
    done = render(spec)
    assert done.exit_code == 0, done.output
    golden = spec.with_name(spec.name.replace(".job.yaml", ".yaml"))
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(done.stdout)
    assert done.stdout == golden.read_text()


def test_json_is_one_list_of_the_same(render):
    done = render(SPECS[0], "--output", "json")
    plain = render(SPECS[0])
    assert json.loads(done.stdout)["items"] == list(yaml.safe_load_all(plain.stdout))


def test_what_could_not_be_made_is_refused_in_words(render):
    text = "framework: command\nentrypoint: ['true']\ncluster: gke\n"
    done = render(text)
    assert "was attached without one, and the spec names none" in str(done.exception)
    text += "image: reg/ray\nkubernetes: {pod: {spec: {nodeName: a}}}\n"
    assert "kubernetes.pod.spec.nodeName: is Kubernetes' to choose" in str(render(text).exception)


def order(resources=None, pod=None, **settings):
    at = KubernetesCluster("gke", "http://launcher:8080", image="reg/ray:1")
    gang = Resources(workers=2, **(resources or {}))
    return Order(
        OwnCluster("digits-k3m9ap", 1, "gke"), replace(at, **settings), "0123456789ab", "vision",
        "Ada <ada@example.org>", gang, at.image, 60.0, pod=pod or {},
    )  # fmt: skip


SHAPES = [
    {},
    {"gpus_per_worker": 4, "accelerator": "A100"},
    {"gpus_per_worker": 1, "accelerator": "NVIDIA-GH200-480GB", "labels": {"zone": "a"}},
    {"memory_per_worker": 2**30, "cpus_per_worker": 3, "placement": "single_node"},
    {"placement": "spread", "custom": {"licence": 0.5, "a.b/c": 2}},
    {"nodes": 1},
    {"workers_per_node": 2},
]
SETTINGS = [
    {},
    {"kueue": True, "queues": {"vision": "gpus"}, "priority_classes": {"0": "low"}},
    {"gpus_per_pod": 8, "service_account": "training", "namespace": "ml"},
]
PODS = [
    {},
    {"spec": {"volumes": [{"name": "spool", "hostPath": {"path": "/nvme"}}], "hostNetwork": True}},
    {"spec": {"containers": [{"name": "side", "image": "reg/side"}], "runtimeClassName": "nvidia"}},
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("settings", SETTINGS)
def test_nobody_refuses_what_is_made(shape, settings):
    pytest.importorskip("helm_python")
    manifests = pytest.importorskip("manifests")
    for pod in PODS:
        one = order(shape, pod, **settings)
        made = [rayjob(one), secret(one, "token", "00000000-0000-0000-0000-000000000000")]
        assert manifests.complaints(made) == []
