"""What KubeRay's operator (1.7.0) refuses although the schemas of its CRDs allow it. Pure.

An object that breaks one of these is taken by Kubernetes and then never becomes anything: the
operator writes `ValidationFailed` into its status. So they are held before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from launcher.clusters._kuberay_job_rules import job_complaints

LONGEST_NAME = {"RayCluster": 53, "RayJob": 47}
TOKEN_SINCE, KUBERNETES_TOKEN_SINCE, GROUP_PRIORITY_SINCE = (2, 52, 0), (2, 55, 0), (2, 56, 0)
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL_KEY = re.compile(
    r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_START_RESOURCES = ("num-cpus", "num-gpus", "memory", "resources")
_FT_ANNOTATION, _STORAGE_ANNOTATION = "ray.io/ft-enabled", "ray.io/external-storage-namespace"
_AUTOSCALER_V2 = "RAY_enable_autoscaler_v2"


def complaints(manifest: Mapping[str, Any]) -> list[str]:
    """What the operator would refuse in a RayCluster or a RayJob, all of it; each with its place.

    The manifest is as the CRD's schema wants it.
    """
    kind = manifest["kind"]
    metadata, spec = manifest.get("metadata") or {}, manifest.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    found = list(_of_name(kind, metadata.get("name") or ""))
    if kind == "RayCluster":
        return [*found, *cluster_complaints(spec, annotations, at="spec")]
    found += job_complaints(spec, metadata.get("labels") or {})
    if spec.get("rayClusterSpec"):
        at = "spec.rayClusterSpec"
        found += cluster_complaints(spec["rayClusterSpec"], annotations, at=at)
        if "upgradeStrategy" in spec["rayClusterSpec"]:
            found.append(f"{at}.upgradeStrategy: not for a RayJob; leave it out")
        if (spec["rayClusterSpec"].get("authOptions") or {}).get("enableK8sTokenAuth"):
            found.append(f"{at}.authOptions.enableK8sTokenAuth: not for a RayJob; leave it out")
    return found


def cluster_complaints(
    spec: Mapping[str, Any], annotations: Mapping[str, str], *, at: str
) -> list[str]:
    """Of the spec of a RayCluster, wherever it stands."""
    head = spec.get("headGroupSpec") or {}
    if not _containers(head):
        return [f"{at}.headGroupSpec.template.spec.containers: needs the container of Ray"]
    return [
        *_of_groups(spec, at),
        *_of_fault_tolerance(spec, annotations, at),
        *_of_autoscaler(spec, at),
        *_of_access(spec, at),
    ]


def _of_name(kind: str, name: str) -> Iterator[str]:
    longest = LONGEST_NAME[kind]
    if len(name) > longest:
        yield f"metadata.name: '{name}' has {len(name)} characters; a {kind} has at most {longest}"
    if not _DNS_1035.fullmatch(name):
        yield f"metadata.name: '{name}' must begin with a letter and be made of a-z, 0-9 and -"


def _of_groups(spec: Mapping[str, Any], at: str) -> Iterator[str]:
    yield from _of_group(spec["headGroupSpec"], f"{at}.headGroupSpec")
    for index, group in enumerate(spec.get("workerGroupSpecs") or ()):
        place = f"{at}.workerGroupSpecs[{index}]"
        if not _containers(group):
            yield f"{place}.template.spec.containers: needs the container of Ray"
            continue
        yield from _of_group(group, place)
        yield from _of_size(group, place, is_counted=bool(spec.get("enableInTreeAutoscaling")))
        yield from _of_scaling(group, spec, place)


def _of_group(group: Mapping[str, Any], at: str) -> Iterator[str]:
    start = group.get("rayStartParams") or {}
    for key, value in start.items():
        if not isinstance(value, str):
            yield f"{at}.rayStartParams.{key}: {value!r} must be a string: '{value}'"
    said = [key for key in _START_RESOURCES if start.get(key)]
    if said and group.get("resources"):
        yield f"{at}: resources stand in rayStartParams ({said[0]}) and in resources; keep one"
    if "labels" in start:
        yield f"{at}.rayStartParams.labels: labels of Ray nodes stand in {at}.labels"
    for key, value in (group.get("labels") or {}).items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            yield f"{at}.labels: '{key}: {value}' is no label of Kubernetes"


def _of_size(group: Mapping[str, Any], at: str, *, is_counted: bool) -> Iterator[str]:
    """`is_counted`: the autoscaler says how many there are."""
    least, most = group.get("minReplicas"), group.get("maxReplicas")
    if not is_counted and (least is None or most is None):
        yield f"{at}: minReplicas and maxReplicas must both be set without the autoscaler"
    for key, value in (("minReplicas", least), ("maxReplicas", most)):
        if value is not None and value < 0:
            yield f"{at}.{key}: {value} is negative"
    if least is not None and most is not None and least > most:
        yield f"{at}.minReplicas: {least} is above maxReplicas {most}"
    if group.get("suspend") and is_counted:
        yield f"{at}.suspend: not with the autoscaler"


def _of_scaling(group: Mapping[str, Any], spec: Mapping[str, Any], at: str) -> Iterator[str]:
    """What a group may say only to autoscaler v2."""
    idle, priority = group.get("idleTimeoutSeconds"), group.get("priority")
    if idle is not None and idle < 0:
        yield f"{at}.idleTimeoutSeconds: {idle} is negative"
    if idle is not None and not _scales_by_v2(spec):
        yield f"{at}.idleTimeoutSeconds: needs autoscalerOptions.version v2"
    if priority:
        if not _is_since(spec, GROUP_PRIORITY_SINCE):
            version = spec.get("rayVersion", "")
            yield f"{at}.priority: needs rayVersion 2.56.0 or newer, and it is '{version}'"
        if not _scales_by_v2(spec):
            yield f"{at}.priority: needs autoscalerOptions.version v2"


def _of_fault_tolerance(
    spec: Mapping[str, Any], annotations: Mapping[str, str], at: str
) -> Iterator[str]:
    options, environment = spec.get("gcsFaultToleranceOptions"), _environment_of_head(spec)
    place = f"{at}.gcsFaultToleranceOptions"
    if "REDIS_USERNAME" in environment or _start_of_head(spec).get("redis-username"):
        yield f"{at}.headGroupSpec: Redis's user stands in {place}.redisUsername"
    if options is not None:
        yield from _of_storage(options, spec, annotations, at)
    elif "RAY_REDIS_ADDRESS" in environment and annotations.get(_FT_ANNOTATION) != "true":
        yield f"{at}.headGroupSpec: RAY_REDIS_ADDRESS needs {place}"


def _of_storage(
    options: Mapping[str, Any], spec: Mapping[str, Any], annotations: Mapping[str, str], at: str
) -> Iterator[str]:
    """Where Ray's state lies is said in one place."""
    place = f"{at}.gcsFaultToleranceOptions"
    for name in (_FT_ANNOTATION, _STORAGE_ANNOTATION):
        if annotations.get(name):
            yield f"{place}: not together with the annotation {name}"
    if _start_of_head(spec).get("redis-password"):
        yield f"{at}.headGroupSpec.rayStartParams.redis-password: stands in {place}.redisPassword"
    for name in ("REDIS_PASSWORD", "RAY_REDIS_ADDRESS"):
        if name in _environment_of_head(spec):
            yield f"{at}.headGroupSpec: {name} stands in {place}, not in the container's env"
    is_rocksdb = options.get("backend") == "rocksdb"
    of_redis = ("redisAddress", "redisUsername", "redisPassword", "externalStorageNamespace")
    for key in of_redis if is_rocksdb else ("storage",):
        if options.get(key):
            yield f"{place}.{key}: not with {options.get('backend') or 'redis'}"


def _of_autoscaler(spec: Mapping[str, Any], at: str) -> Iterator[str]:
    options = spec.get("autoscalerOptions") or {}
    idle = options.get("idleTimeoutSeconds")
    if idle is not None and idle < 0:
        yield f"{at}.autoscalerOptions.idleTimeoutSeconds: {idle} is negative"
    in_head = _environment_of_head(spec).get(_AUTOSCALER_V2)
    if not spec.get("enableInTreeAutoscaling"):
        if in_head in {"1", "true"}:
            yield f"{at}.headGroupSpec: {_AUTOSCALER_V2} needs enableInTreeAutoscaling: true"
        return
    if options.get("version") and in_head is not None:
        yield f"{at}.headGroupSpec: {_AUTOSCALER_V2} and autoscalerOptions.version; keep the latter"
    if options.get("version") != "v2":
        return
    groups = {f"workerGroupSpecs[{i}]": g for i, g in enumerate(spec.get("workerGroupSpecs") or ())}
    for place, group in {"headGroupSpec": spec["headGroupSpec"], **groups}.items():
        policy = group["template"]["spec"].get("restartPolicy")
        if policy not in {None, "", "Never"}:
            where = f"{at}.{place}.template.spec.restartPolicy"
            yield f"{where}: {policy}, and autoscaler v2 takes Never alone; leave it out"


def _of_access(spec: Mapping[str, Any], at: str) -> Iterator[str]:
    options = spec.get("authOptions") or {}
    place, version = f"{at}.authOptions", spec.get("rayVersion", "")
    of_kubernetes = options.get("enableK8sTokenAuth")
    if options.get("mode") != "token":
        if of_kubernetes:
            yield f"{place}.enableK8sTokenAuth: needs mode token"
        return
    if not _is_since(spec, TOKEN_SINCE):
        yield f"{place}.mode: token needs {at}.rayVersion 2.52.0 or newer, and it is '{version}'"
    if of_kubernetes and not _is_since(spec, KUBERNETES_TOKEN_SINCE):
        yield f"{place}.enableK8sTokenAuth: needs {at}.rayVersion 2.55.0, and it is '{version}'"
    if of_kubernetes and options.get("secretName"):
        yield f"{place}: secretName and enableK8sTokenAuth; keep one"


def _containers(group: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(((group.get("template") or {}).get("spec") or {}).get("containers") or ())


def _environment_of_head(spec: Mapping[str, Any]) -> dict[str, str | None]:
    ray = _containers(spec["headGroupSpec"])[0]
    return {entry["name"]: entry.get("value") for entry in ray.get("env") or ()}


def _start_of_head(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return spec["headGroupSpec"].get("rayStartParams") or {}


def _scales_by_v2(spec: Mapping[str, Any]) -> bool:
    by_environment = _environment_of_head(spec).get(_AUTOSCALER_V2) in {"1", "true"}
    return by_environment or (spec.get("autoscalerOptions") or {}).get("version") == "v2"


def _is_since(spec: Mapping[str, Any], least: tuple[int, int, int]) -> bool:
    parts = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", spec.get("rayVersion") or "")
    return parts is not None and tuple(int(part or 0) for part in parts.groups()) >= least
