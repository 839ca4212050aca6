"""The chart rendered, and what Kubernetes and KubeRay's operator would say to it. No cluster.

    objects = render({"server": {"replicas": 2}, ...})
    assert complaints(objects) == []

Needs the packages of the extra `chart`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from kubernetes_validate import utils
from referencing import Registry, Resource

from launcher.clusters import _kuberay_rules

ROOT = Path(__file__).parents[3]
CHART = ROOT / "k8s/chart"
SCHEMAS = ROOT / "tests/data/kuberay"
VERSIONS = ("1.29", "1.31", "1.34", "1.37")
"""Of Kubernetes: from the oldest that the chart takes to the newest."""
OF_KUBERAY = {"RayCluster": "rayclusters", "RayJob": "rayjobs"}

Object = dict[str, Any]


@functools.cache
def chart(folder: Path = CHART) -> helm_python.Chart:
    return helm_python.Chart.load(folder)


def render(
    values: Mapping[str, Any] | None = None,
    *,
    name: str = "train",
    namespace: str = "ml",
    folder: Path = CHART,
) -> list[Object]:
    """All objects, in the order of their templates' names; without the notes.

    Raises:
        helm_python.HelmError: the values are refused; its text is what a user would read.
    """
    files = chart(folder).render(dict(values or {}), name=name, namespace=namespace)
    return [
        found
        for path in sorted(files)
        if not path.endswith("NOTES.txt")
        for found in yaml.safe_load_all(files[path])
        if found
    ]


def notes(values: Mapping[str, Any] | None = None) -> str:
    files = chart().render(dict(values or {}), name="train", namespace="ml")
    return files["launcher/templates/NOTES.txt"]


def one(objects: list[Object], kind: str, name: str = "") -> Object:
    """The object of that kind; `name`: how its name ends."""
    [found] = [
        each for each in objects if each["kind"] == kind and each["metadata"]["name"].endswith(name)
    ]
    return found


def complaints(objects: list[Object]) -> list[str]:
    """What API servers of several versions, KubeRay's schemas and its operator would refuse."""
    return [
        f"{each['kind']} {each['metadata']['name']}: {words}"
        for each in objects
        for words in (
            of_kuberay(each) if each["kind"] in OF_KUBERAY else of_kubernetes(each, VERSIONS)
        )
    ]


def of_kubernetes(manifest: Object, versions: tuple[str, ...]) -> Iterator[str]:
    """By the API's own schemas, unknown fields included."""
    group, _, number = manifest["apiVersion"].rpartition("/")
    schema = "-".join(filter(None, (manifest["kind"].lower(), group.partition(".")[0], number)))
    for version in versions:
        for error in _api(schema, version).iter_errors(manifest):
            yield f"Kubernetes {version}: {'.'.join(map(str, error.path))}: {error.message}"
    yield from doubles(manifest)


def of_kuberay(manifest: Object) -> Iterator[str]:
    """By the CRD's schema, by the operator's rules, and each pod template as Kubernetes' own."""
    error = best_match(_crd(OF_KUBERAY[manifest["kind"]]).iter_errors(manifest))
    if error is not None:
        yield f"CRD: {'.'.join(map(str, error.path))}: {error.message}"
        return
    yield from _kuberay_rules.complaints(manifest)
    for template in pod_templates(manifest):
        wrapped = {"apiVersion": "v1", "kind": "PodTemplate", "template": template}
        yield from of_kubernetes(wrapped, VERSIONS)


def pod_templates(manifest: Object) -> list[Object]:
    spec = manifest["spec"].get("rayClusterSpec") or manifest["spec"]
    return [group["template"] for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"])]


def doubles(value: Any, at: str = "") -> Iterator[str]:
    """What a list has twice that Kubernetes tells apart by a key, and volumes of two kinds at once;
    no schema says so."""
    keys = {"env": "name", "volumes": "name", "volumeMounts": "mountPath", "containers": "name"}
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "volumes":
                kinds = {one["name"]: sorted(one.keys() - {"name"}) for one in inner}
                yield from (f"{at}.volumes: {n} is {ks}" for n, ks in kinds.items() if len(ks) > 1)
            if key in keys and isinstance(inner, list):
                named = [entry.get(keys[key]) for entry in inner]
                yield from (f"{at}.{key}: {n} twice" for n in set(named) if named.count(n) > 1)
            yield from doubles(inner, f"{at}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from doubles(inner, f"{at}[{index}]")


@functools.cache
def _api(schema: str, version: str) -> Draft202012Validator:
    """With the files of kubernetes-validate, whose own function reads and searches 1.5 MB of them
    for each object anew."""
    of_kind = utils.schema_contents(f"{_folder(version)}/{schema}.json", version)
    return Draft202012Validator(of_kind, registry=_definitions(version))


@functools.cache
def _definitions(version: str) -> Registry[Any]:
    found = utils.schema_contents(f"{_folder(version)}/_definitions.json", version)
    return Registry().with_resource(found["$id"], Resource.from_contents(found))


def _folder(version: str) -> str:
    return f"kubernetes-json-schema/v{version}.0-local-strict"


@functools.cache
def _crd(name: str) -> Draft202012Validator:
    return Draft202012Validator(_strict(json.loads((SCHEMAS / f"{name}.v1.json").read_text())))


def _strict(schema: Any) -> Any:
    """The schema, with fields refused that the API server would leave out without a word."""
    if isinstance(schema, list):
        return [_strict(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    known = {key: _strict(inner) for key, inner in schema.items()}
    is_open = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        known.setdefault("additionalProperties", bool(is_open))
    return known
