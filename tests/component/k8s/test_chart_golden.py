"""k8s/examples and the golden files are what the chart renders: `make manifests`."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml
from manifests import CHART, ROOT, chart, complaints

EXAMPLES = ROOT / "k8s/examples"
GOLDEN = ROOT / "tests/data/chart"
VALUES = sorted([*EXAMPLES.glob("*.values.yaml"), *GOLDEN.glob("*.values.yaml")])
NAMESPACE, OF_JOBS = "launcher", "training"
TOKEN = re.compile(r"(?<=-token: )[A-Za-z0-9+/]{40,}={0,2}")
HEAD = """\
# Rendered from k8s/chart with {values} by `make manifests`; change those, not this.
# Needs KubeRay's operator, the namespace, and what is named below: docs/kubernetes.md#without-helm
"""

each_file = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.name.split(".")[0])


@each_file
def test_the_file_is_what_the_chart_renders(values: Path) -> None:
    target = values.with_name(values.name.replace(".values", ""))
    fresh = rendered(values)
    if os.environ.get("GOLDEN") == "write":
        target.write_text(fresh)
    assert target.read_text() == fresh, f"{target.name} is stale: make manifests"


@each_file
def test_the_file_is_taken_by_kubernetes_and_kuberay(values: Path) -> None:
    target = values.with_name(values.name.replace(".values", ""))
    objects = list(yaml.safe_load_all(target.read_text()))
    assert {each["metadata"]["namespace"] for each in objects} - {OF_JOBS} == {NAMESPACE}
    assert complaints(objects) == []


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.values.yaml")), ids=lambda p: p.name)
def test_an_example_holds_no_token(example: Path) -> None:
    target = example.with_name(example.name.replace(".values", ""))
    assert "kind: Secret\n" not in target.read_text()


def test_there_is_a_trial_a_pool_of_gpus_and_one_that_may_be_taken_away() -> None:
    names = {path.name for path in EXAMPLES.glob("*.yaml")}
    kinds = ("cpu-trial", "gpu-pool", "spot-pool")
    assert names == {f"{kind}{end}" for kind in kinds for end in (".yaml", ".values.yaml")}


def rendered(values: Path) -> str:
    files = chart(CHART).render(
        yaml.safe_load(values.read_text()), name="launcher", namespace=NAMESPACE
    )
    texts = [
        files[path].strip("\n").removeprefix("---\n")
        for path in sorted(files)
        if not path.endswith("NOTES.txt") and files[path].strip()
    ]
    whole = HEAD.format(values=values.relative_to(ROOT)) + "".join(f"---\n{t}\n" for t in texts)
    whole = re.sub(r"[ \t]+$", "", whole, flags=re.MULTILINE)
    return TOKEN.sub("bWFkZSBvbmNl", whole)
