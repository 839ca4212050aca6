"""What this project asks of a Kubernetes API server, through its official Python client.

Everything is plain JSON: no model class of the client stands between, so fields that it does not
know yet come through. The client is imported when the first cluster is spoken to, never by others.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from launcher.errors import LauncherError, SpecError, UnreachableError

log = logging.getLogger(__name__)

KUBECONFIG = "LAUNCHER_KUBECONFIG"
"""Path of the server's kubeconfig. Without it the server's own pod says where its cluster is."""
_CONNECT_S, _ANSWER_S = 5.0, 20.0
_QUIET_S = 60.0
"""So much longer than it was asked to last may a watch be silent."""
CONNECT_ANEW_S = 10.0
"""So long credentials that are refused are not read again: a plugin may have to be run for them."""
_PAGE = 500
_IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@dataclass(frozen=True)
class Kind:
    """A kind of object. `group` is empty for those of Kubernetes' core."""

    plural: str
    group: str = ""
    version: str = "v1"
    single: str = ""
    """Of a kind of the core: as the client's methods name it."""
    is_namespaced: bool = True


RAYJOBS = Kind("rayjobs", "ray.io")
WORKLOADS = Kind("workloads", "kueue.x-k8s.io", "v1beta1")
_RIGHTS = Kind("selfsubjectaccessreviews", "authorization.k8s.io", is_namespaced=False)
PODS, SECRETS, EVENTS = (
    Kind("pods", single="pod"),
    Kind("secrets", single="secret"),
    Kind("events", single="event"),
)


class KubeError(LauncherError):
    """The API server refused. `reason`: in its own words, as AlreadyExists."""

    def __init__(
        self, message: str, status: int, reason: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.retry_after_s = status, reason, retry_after_s

    @property
    def is_over_quota(self) -> bool:
        """A ResourceQuota of the namespace has no room for it now."""
        return self.status == 403 and "exceeded quota" in self.message

    @property
    def is_for_good(self) -> bool:
        """What was sent is wrong: sending it again would be refused again."""
        return self.status in {400, 422}


class KubeApi:
    """One namespace of one Kubernetes. Thread-safe.

    Args:
        namespace: of everything that is asked.
        context: of the kubeconfig; empty: its current one.
        kubeconfig: its path; None: that of LAUNCHER_KUBECONFIG, else the cluster that this process
            is a pod of.

    Raises:
        SpecError: nothing says where the cluster is, or the client is not installed.
    """

    def __init__(self, namespace: str, context: str = "", kubeconfig: str | None = None) -> None:
        self._client, self._refusal = _client()
        self.namespace = namespace
        self._where = context, kubeconfig or os.environ.get(KUBECONFIG, "")
        self._connect()

    def _connect(self) -> None:
        """As the kubeconfig says now, which somebody may have renewed."""
        self._connected_at = time.monotonic()
        self._api = _connected(self._client, *self._where)
        self.host = str(self._api.configuration.host)
        self._core = self._client.CoreV1Api(self._api)
        self._custom = self._client.CustomObjectsApi(self._api)

    def close(self) -> None:
        _let_go(self._api)

    def create(
        self, kind: Kind, manifest: Mapping[str, Any], *, is_trial: bool = False
    ) -> dict[str, Any]:
        """The object as it is stored. Fields that nobody knows are refused, not dropped.

        Args:
            kind: of object.
            manifest: the object.
            is_trial: nothing is stored; what would be refused is refused.

        Raises:
            KubeError: it is refused; 409: one of that name is there.
            UnreachableError: no answer, so it may have been made all the same.
        """
        trial = {"dry_run": "All"} if is_trial else {}
        return self._ask("create", kind, body=dict(manifest), field_validation="Strict", **trial)

    def may(self, verb: str, kind: Kind) -> bool:
        """Whether who asks has that right in this namespace."""
        asked = {"namespace": self.namespace, "group": kind.group, "resource": kind.plural}
        review = {
            "apiVersion": f"{_RIGHTS.group}/{_RIGHTS.version}",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {**asked, "verb": verb}},
        }
        return bool(self._ask("create", _RIGHTS, body=review)["status"]["allowed"])

    def get(self, kind: Kind, name: str) -> dict[str, Any] | None:
        """The object; None: there is none."""
        try:
            return self._ask("get" if kind.group else "read", kind, name=name)
        except KubeError as error:
            if error.status == 404:
                return None
            raise

    def list(
        self, kind: Kind, selector: str = "", fields: str = ""
    ) -> tuple[list[dict[str, Any]], str]:
        """All objects as they are now, not as some cache has them; and the version to watch from.

        Raises:
            KubeError: it is refused; 410: the list was too old before its end was read.
        """
        items: list[dict[str, Any]] = []
        more = ""
        while True:
            page = self._ask(
                "list", kind, label_selector=selector, field_selector=fields, limit=_PAGE,
                **({"_continue": more} if more else {}),
            )  # fmt: skip
            items += page.get("items") or []
            metadata = page.get("metadata") or {}
            more = metadata.get("continue") or ""
            if not more:
                return items, str(metadata.get("resourceVersion") or "")

    def delete(self, kind: Kind, name: str, uid: str = "") -> None:
        """Delete an object after all that it made; that it is not there any more is fine.

        Args:
            kind: of object.
            name: its name.
            uid: only while it is this one.
        """
        body: dict[str, Any] = {"propagationPolicy": "Foreground"}
        body |= {"preconditions": {"uid": uid}} if uid else {}
        try:
            self._ask("delete", kind, name=name, body=body)
        except KubeError as error:
            if error.status not in {404, 409}:
                raise

    def watch(self, kind: Kind, selector: str, version: str, timeout_s: float) -> Watch:
        """Changes since a version, as they come, bookmarks among them, until the server ends it.

        It is open when this comes back. What is raised here, its iterator raises, too.

        Raises:
            KubeError: it is refused; 410: that version is too old.
            UnreachableError: the connection broke, or nothing came for far too long.
        """
        answer = self._call(
            "list", kind, label_selector=selector, watch=True, resource_version=version,
            allow_watch_bookmarks=True, timeout_seconds=int(timeout_s),
            _request_timeout=(_CONNECT_S, timeout_s + _QUIET_S),
        )  # fmt: skip
        return Watch(answer, self._unreachable)

    # --- inside ----------------------------------------------------------------------------------

    def _ask(self, verb: str, kind: Kind, **options: Any) -> dict[str, Any]:
        answer = self._call(verb, kind, _request_timeout=(_CONNECT_S, _ANSWER_S), **options)
        with contextlib.closing(answer):
            try:
                found: dict[str, Any] = json.loads(answer.read())
            except ValueError as error:
                raise UnreachableError(f"{self.host} answers no JSON: {error}") from error
            except Exception as error:
                raise self._unreachable(error) from error
        return found

    def _call(self, verb: str, kind: Kind, **options: Any) -> Any:
        """An open answer whose status is below 300."""
        try:
            return self._call_once(verb, kind, **options)
        except KubeError as error:
            if error.status != 401 or time.monotonic() - self._connected_at < CONNECT_ANEW_S:
                raise
            log.info("%s: the kubeconfig is read anew", error)
        before = self._api
        self._connect()
        _let_go(before)
        return self._call_once(verb, kind, **options)

    def _call_once(self, verb: str, kind: Kind, **options: Any) -> Any:
        given = {key: value for key, value in options.items() if value not in ("", None)}
        given |= {"namespace": self.namespace} if kind.is_namespaced else {}
        if kind.group:
            scope = "namespaced" if kind.is_namespaced else "cluster"
            method = getattr(self._custom, f"{verb}_{scope}_custom_object")
            given |= {"group": kind.group, "version": kind.version, "plural": kind.plural}
        else:
            method = getattr(self._core, f"{verb}_namespaced_{kind.single}")
        try:
            answer = method(_preload_content=False, **given)
        except self._refusal as error:
            _refuse(error.status or 0, error.body or error.reason or "", error.headers)
        except Exception as error:  # urllib3's, and what a plugin of the kubeconfig may raise
            raise self._unreachable(error) from error
        if answer.status >= 300:
            _refuse(answer.status, answer.read(), answer.headers)
        return answer

    def _unreachable(self, error: Exception) -> UnreachableError:
        from urllib3.exceptions import HTTPError  # what the client speaks by

        cause = getattr(error, "reason", None) or error
        is_of_the_line = isinstance(error, HTTPError | OSError)
        verb = "does not answer" if is_of_the_line else "could not be asked"
        return UnreachableError(
            f"Kubernetes at {self.host} {verb}: {type(cause).__name__}: {cause}",
            hint="is its API server reachable from the machine of the launcher's server?",
        )


class Watch:
    """The changes of one watch, for one thread that reads them. Any other may end it.

    Args:
        answer: open.
        unreachable: what is raised when it breaks, out of what broke it.
    """

    def __init__(self, answer: Any, unreachable: Callable[[Exception], Exception]) -> None:
        self._answer, self._unreachable = answer, unreachable

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with contextlib.closing(self._answer):
            for line in self._lines():
                event: dict[str, Any] = json.loads(line)
                if event.get("type") == "ERROR":
                    _refuse(int(event["object"].get("code") or 0), json.dumps(event["object"]))
                yield event

    def end(self) -> None:
        """Whoever waits for the next change waits no more: to the reader it is as if it broke."""
        # Closing it would wait for that reader. urllib3 before 2.3 can do neither: there the watch
        # ends in its time.
        shut = getattr(self._answer, "shutdown", None)
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # it has ended
            if shut is not None:
                shut()

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        try:
            for chunk in self._answer.stream(amt=None, decode_content=True):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line for line in lines if line.strip())
        except Exception as error:  # urllib3's many ways in which a stream breaks
            raise self._unreachable(error) from error


def _refuse(status: int, body: str | bytes, headers: Mapping[str, str] | None = None) -> NoReturn:
    """Raise what an answer says, in the API server's words where it has any."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    try:
        told = json.loads(text)
        message, reason = str(told["message"]), str(told.get("reason") or "")
        after = (told.get("details") or {}).get("retryAfterSeconds")
    except (ValueError, KeyError, TypeError, AttributeError):
        message, reason, after = text.strip()[:500] or f"status {status}", "", None
    after = (headers or {}).get("Retry-After") or after
    wait_s = float(after) if after is not None and str(after).isdecimal() else None
    raise KubeError(f"Kubernetes refuses ({status}): {message}", status, reason, wait_s)


def _client() -> tuple[Any, Any]:
    """The client's module, and the error that it raises for a refusal."""
    try:
        from kubernetes import client
    except ModuleNotFoundError as error:
        raise SpecError(
            "this server has no Kubernetes client",
            hint="pip install 'trainlaunch[kubernetes]' where the server runs",
        ) from error
    return client, client.ApiException


def _let_go(api: Any) -> None:
    """Close its connections: those in use when they are given back."""
    api.rest_client.pool_manager.clear()


def own_namespace(context: str) -> str:
    """The namespace of the pod that this process is, where it is one of that Kubernetes.

    Empty: it is none, or a kubeconfig says where that Kubernetes is.
    """
    if not _is_of_own_pod(context, os.environ.get(KUBECONFIG, "")):
        return ""
    try:
        return _IN_CLUSTER.with_name("namespace").read_text().strip()
    except OSError:
        return ""


def _is_of_own_pod(context: str, kubeconfig: str) -> bool:
    return not kubeconfig and not context and _IN_CLUSTER.exists()


def _connected(client: Any, context: str, kubeconfig: str) -> Any:
    from kubernetes import config

    try:
        if _is_of_own_pod(context, kubeconfig):
            settings = client.Configuration()
            config.load_incluster_config(client_configuration=settings)
        else:
            settings = client.Configuration()
            config.load_kube_config(
                config_file=kubeconfig or None,
                context=context or None,
                client_configuration=settings,
                persist_config=False,
            )
    except config.ConfigException as error:
        raise SpecError(
            f"nothing says where Kubernetes is: {error}",
            hint=f"{KUBECONFIG}=PATH of a kubeconfig where the server runs, and --context NAME of "
            "it; in a pod: a service account",
        ) from error
    settings.retries = False  # who asks decides whether to ask again
    return client.ApiClient(settings)
