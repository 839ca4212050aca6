"""`image` and `kubernetes` in a spec: what the pods of a job's own cluster are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, WithJsonSchema

from launcher.model.own_cluster import OWN_SECRET
from launcher.spec.part import Part
from launcher.spec.values import Text, WrongValueError, did_you_mean, kind_of, raise_all

CONTAINER = "ray"
"""What our container is called, in pods of head and workers."""
_IMAGE = re.compile(r"[a-z0-9][\w.:/@-]*")
_PARTS = ("metadata", "spec")
_METADATA = ("labels", "annotations")
_OURS = "launcher/"
_POD_KEYS = frozenset(
    {
        *("activeDeadlineSeconds", "affinity", "automountServiceAccountToken", "containers"),
        *("dnsConfig", "dnsPolicy", "enableServiceLinks", "hostAliases", "hostIPC", "hostNetwork"),
        *("hostPID", "hostUsers", "imagePullSecrets", "initContainers", "nodeSelector", "os"),
        *("overhead", "preemptionPolicy", "priority", "priorityClassName", "readinessGates"),
        *("resourceClaims", "runtimeClassName", "schedulerName", "schedulingGates"),
        *("securityContext", "serviceAccountName", "setHostnameAsFQDN", "shareProcessNamespace"),
        *("terminationGracePeriodSeconds", "tolerations", "topologySpreadConstraints", "volumes"),
    }
)
"""Of a pod's spec, but for what the launcher or KubeRay must decide: see `_REFUSED`."""
_REFUSED = {
    "restartPolicy": "is always Never: a pod that ended is made anew, and the job goes on",
    "nodeName": "is Kubernetes' to choose; nodeSelector narrows its choice",
    "hostname": "is the pod's own name: by it the launcher knows which pod is which node",
    "subdomain": "is the pod's own name: by it the launcher knows which pod is which node",
}
_REFUSED_OF_OURS = {
    "image": "is the key image of the spec",
    "command": "is KubeRay's to write; a job's program is its entrypoint",
    "args": "is KubeRay's to write; a job's program is its entrypoint",
}
_LISTS = frozenset(
    {
        *("containers", "initContainers", "volumes", "imagePullSecrets", "tolerations"),
        *("topologySpreadConstraints", "hostAliases", "resourceClaims"),
    }
)
_NAMED = frozenset({"containers", "initContainers", "volumes", "imagePullSecrets"})
_SECRETS = frozenset({"secret", "secretRef", "secretKeyRef", "nodePublishSecretRef"})
"""Keys of a pod below which `name` is that of a Secret; `secretName` is one itself."""


def image(value: str) -> str:
    """The name of an image, as a registry takes it.

    Raises:
        WrongValueError: it is none.
    """
    if not _IMAGE.fullmatch(value):
        raise WrongValueError(
            "{value} is not the name of an image; write it as registry/name:tag, in small letters"
        )
    return value


def pod_template(value: object) -> dict[str, Any]:
    """What is laid over the pods of the job's own cluster.

    Raises:
        WrongValueError: all that cannot be meant so.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise WrongValueError(f"expected metadata and spec below it, found {kind_of(value)}")
    template: dict[str, Any] = _plain(value)
    raise_all(_faults(template))
    return template


Image = Annotated[Text, AfterValidator(image)]
PodTemplate = Annotated[
    dict[str, Any],
    BeforeValidator(pod_template),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {name: {"type": "object"} for name in _PARTS},
            "additionalProperties": False,
        }
    ),
]


class Kubernetes(Part, BaseModel):
    pod: PodTemplate = {}
    """Laid over the template of every pod of the job's own cluster, as `{spec: {tolerations: [...],
    volumes: [...]}}`: containers, volumes and variables by their names (the launcher's container is
    called `ray`), the rest key by key; null takes a key away. docs/kuberay.md tells more."""


def without_cluster(cluster: str, *, image: str | None, pod: object) -> Iterator[WrongValueError]:
    """Keys that do nothing on a Ray cluster that runs already."""
    if cluster != "any":
        return
    words = (
        "is for a cluster that makes Ray for each job, and cluster is any; add cluster: NAME of a "
        "Kubernetes that is attached"
    )
    if image is not None:
        yield WrongValueError(words, at=("image",))
    if pod:
        yield WrongValueError(words, at=("kubernetes", "pod"))


def _faults(template: Mapping[str, Any]) -> Iterator[WrongValueError]:
    for key, value in template.items():
        if key in _POD_KEYS:
            yield WrongValueError("stands one level too high; write it below spec:", at=(key,))
        elif key not in _PARTS:
            words = f"unknown key{did_you_mean(key, _PARTS)}; known here: metadata, spec"
            yield WrongValueError(words, at=(key,))
        elif not isinstance(value, Mapping):
            yield WrongValueError(f"expected keys and values, found {kind_of(value)}", at=(key,))
        elif key == "metadata":
            yield from _faults_of_metadata(value)
        else:
            yield from _faults_of_spec(value)


def _faults_of_metadata(metadata: Mapping[str, Any]) -> Iterator[WrongValueError]:
    for key, value in metadata.items():
        at = ("metadata", key)
        if key not in _METADATA:
            yield WrongValueError("unknown key; known here: labels, annotations", at=at)
        elif not isinstance(value, Mapping):
            yield WrongValueError(f"expected keys and values, found {kind_of(value)}", at=at)
        else:
            for name in value:
                if str(name).startswith((_OURS, "ray.io/")):
                    words = "is the launcher's and KubeRay's to set; take another name"
                    yield WrongValueError(words, at=(*at, name))


def _faults_of_spec(spec: Mapping[str, Any]) -> Iterator[WrongValueError]:
    for key, value in spec.items():
        at: tuple[str | int, ...] = ("spec", key)
        if key in _REFUSED:
            yield WrongValueError(_REFUSED[key], at=at)
        elif key not in _POD_KEYS:
            words = f"is no key of a pod's spec{did_you_mean(key, _POD_KEYS)}"
            yield WrongValueError(words, at=at)
        elif value is None:
            continue
        elif key in _LISTS and not isinstance(value, list):
            yield WrongValueError(f"expected a list, found {kind_of(value)}", at=at)
        elif key in _NAMED:
            for index, item in enumerate(value):
                yield from _faults_of_item(key, item, (*at, index))
    yield from _faults_of_secrets(spec, ("spec",))


def _faults_of_secrets(value: object, at: tuple[str | int, ...]) -> Iterator[WrongValueError]:
    """Pods of other jobs, and of other projects, may stand in the same namespace."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults_of_secrets(item, (*at, index))
    if not isinstance(value, Mapping):
        return
    for key, one in value.items():
        is_secret = key == "secretName" or (key == "name" and at[-1] in _SECRETS)
        if is_secret and isinstance(one, str) and one.endswith(OWN_SECRET):
            words = f"{{value}} ends in {OWN_SECRET}, as Secrets with tokens of jobs do"
            yield WrongValueError(f"{words}; give yours another name", at=(*at, key))
        yield from _faults_of_secrets(one, (*at, key))


def _faults_of_item(key: str, item: object, at: tuple[str | int, ...]) -> Iterator[WrongValueError]:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        yield WrongValueError("has no name: it is laid over the one of its name", at=at)
    elif key == "containers" and item["name"] == CONTAINER:
        for name in (name for name in item if name in _REFUSED_OF_OURS):
            yield WrongValueError(_REFUSED_OF_OURS[name], at=(*at, name))
    elif key in {"containers", "initContainers"} and not item.get("image"):
        words = f"names no image; the launcher's own container is called {CONTAINER}"
        yield WrongValueError(words, at=at)


def _plain(value: Any) -> Any:
    """As JSON has it: numbers and texts that remember how they were written become plain ones."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if value is None:
        return None
    raise WrongValueError(f"expected text, numbers, lists and keys, found {kind_of(value)}")
