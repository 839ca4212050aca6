"""A Kubernetes API server over HTTP, as far as the launcher asks it: a store with watches.

    with KubeServer() as kube:
        api = KubeApi("default", kubeconfig=str(kube.kubeconfig(tmp_path)))

It speaks create (for trial, too), get, list (selectors, pages), watch (resourceVersion, bookmarks,
410), delete (foreground, preconditions), questions for rights, and what goes wrong: answers that
are put in the way (`refuse`), streams that break or stand still, a history that is forgotten.

test_as_kubernetes_does.py asks it and a real API server the same, where there is one.
"""

from __future__ import annotations

import copy
import json
import threading
import time
import uuid
from collections import defaultdict, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

NAMESPACE = "default"


class KubeServer:
    def __init__(self):
        self.changed = threading.Condition()
        self.objects = defaultdict(dict)
        """By plural and name."""
        self.requests = []
        """(method, plural, name) of all that came."""
        self.served = {"rayjobs", "workloads", "pods", "secrets", "events"}
        self.namespaces = {NAMESPACE, "launcher", "training", "ml", "other"}
        """All have the same objects: no test needs two."""
        self.denied = set()
        """(verb, plural): rights that whoever asks lacks."""
        self.watched = set()
        """Plurals of which a watch was begun."""
        self.stalled = {}
        """(method, plural): what such requests wait for before they are answered."""
        self._refusals = deque()
        self._history = defaultdict(list)
        self._oldest = 0
        self._version = 1000  # as that of a Kubernetes that has lived for a while
        self._broken = 0
        self.is_silent = False
        """Watches send nothing any more, and do not end."""
        self._http = _Http(self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.break_watches()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def kubeconfig(self, folder):
        """A file that leads here."""
        file = folder / "kubeconfig.yaml"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "ada", "user": {"token": "kube-token"}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "ada"}}],
        }
        file.write_text(json.dumps(content))
        return file

    # --- what a test does ------------------------------------------------------------------------

    def refuse(self, method, plural, status, message, *, reason="", times=1, headers=None):
        """Answer the next such requests so."""
        for _ in range(times):
            self._refusals.append((method, plural, status, message, reason, headers or {}))

    def break_watches(self):
        """Cut every stream in the middle."""
        with self.changed:
            self._broken += 1
            self.changed.notify_all()

    def forget_history(self):
        """Versions that were given until now are too old to watch from."""
        with self.changed:
            self._history.clear()
            self._version += 1
            self._oldest = self._version

    def get(self, plural, name):
        with self.changed:
            return copy.deepcopy(self.objects[plural].get(name))

    def all(self, plural):
        with self.changed:
            return copy.deepcopy(list(self.objects[plural].values()))

    def put(self, plural, one):
        """Create or change an object, whatever is said of it."""
        with self.changed:
            is_known = self._name(one) in self.objects[plural]
            self._store(plural, one, "MODIFIED" if is_known else "ADDED")

    def change(self, plural, name, change):
        with self.changed:
            one = copy.deepcopy(self.objects[plural][name])
            change(one)
            self._store(plural, one, "MODIFIED")

    def remove(self, plural, name):
        """It is gone at once, as when its finalizers are through."""
        with self.changed:
            one = self.objects[plural].pop(name, None)
            if one is not None:
                self._version += 1
                one["metadata"]["resourceVersion"] = str(self._version)
                self._note(plural, "DELETED", one)
                self._collect(one["metadata"]["uid"])

    def wait(self, happened, what, patience_s=15.0):
        give_up = time.monotonic() + patience_s
        while not (found := happened()):
            assert time.monotonic() < give_up, f"{what} did not happen"
            with self.changed:
                self.changed.wait(0.02)
        return found

    # --- what clients ask ------------------------------------------------------------------------

    def refusal(self, method, plural):
        for item in self._refusals:
            if item[:2] == (method, plural):
                self._refusals.remove(item)
                return item[2:]
        return None

    def create(self, plural, one, *, is_trial):
        with self.changed:
            name = self._name(one)
            if name in self.objects[plural]:
                return _status(409, f'{_full(plural)} "{name}" already exists', "AlreadyExists")
            one["metadata"]["uid"] = str(uuid.uuid4())
            if not is_trial:
                self._store(plural, one, "ADDED")
            return 201, one

    def review(self, one):
        """Whether who asks may do what it asks for."""
        asked = one["spec"]["resourceAttributes"]
        is_allowed = (asked["verb"], asked["resource"]) not in self.denied
        return 201, one | {"status": {"allowed": is_allowed}}

    def delete(self, plural, name, body):
        with self.changed:
            one = self.objects[plural].get(name)
            if one is None:
                return _missing(plural, name)
            wanted = (body.get("preconditions") or {}).get("uid")
            if wanted and wanted != one["metadata"]["uid"]:
                return _status(409, "the UID in the precondition does not match", "Conflict")
            one = copy.deepcopy(one)
            one["metadata"]["deletionTimestamp"] = "2026-11-22T00:00:00Z"
            one["metadata"]["propagation"] = body.get("propagationPolicy")
            self._store(plural, one, "MODIFIED")
            if plural != "rayjobs" and not one["metadata"].get("finalizers"):
                self.remove(plural, name)
            return 200, one

    def list(self, plural, query):
        with self.changed:
            found = [one for one in self.objects[plural].values() if _matches(one, query)]
            found.sort(key=self._name)
            first, limit = int(query.get("continue", 0)), int(query.get("limit", 0)) or len(found)
            page = found[first : first + limit]
            more = str(first + limit) if first + limit < len(found) else ""
            metadata = {"resourceVersion": str(self._version), "continue": more}
            return 200, {"kind": "List", "metadata": metadata, "items": copy.deepcopy(page)}

    def watch(self, plural, query, send):
        """Sends events until the time is over or the stream is broken."""
        version = int(query["resourceVersion"])
        if version < self._oldest:
            _, status = _status(410, "too old resource version", "Expired")
            send({"type": "ERROR", "object": status})
            return
        until = time.monotonic() + float(query.get("timeoutSeconds", 60))
        broken = self._broken
        self.watched.add(plural)
        while time.monotonic() < until:
            with self.changed:
                events = [e for e in self._history[plural] if int(_version_of(e)) > version]
                seen = self._version
                if not events:
                    self.changed.wait(0.2)
                if self._broken != broken:
                    raise ConnectionAbortedError
                if self.is_silent:
                    continue
            for event in events:
                version = int(_version_of(event))
                if seen_as := _seen(event, query):
                    send({"type": seen_as, "object": event["object"]})
            if not events and query.get("allowWatchBookmarks", "").lower() == "true":
                version = max(version, seen)
                bookmark = {"metadata": {"resourceVersion": str(version)}}
                send({"type": "BOOKMARK", "object": bookmark})

    # --- inside ----------------------------------------------------------------------------------

    @staticmethod
    def _name(one):
        return one["metadata"]["name"]

    def _store(self, plural, one, kind):
        before = self.objects[plural].get(self._name(one))
        self._version += 1
        one["metadata"].setdefault("uid", str(uuid.uuid4()))
        one["metadata"]["resourceVersion"] = str(self._version)
        self.objects[plural][self._name(one)] = one
        self._note(plural, kind, one, before)

    def _note(self, plural, kind, one, before=None):
        event = {"type": kind, "object": copy.deepcopy(one), "before": copy.deepcopy(before)}
        self._history[plural].append(event)
        self.changed.notify_all()

    def _collect(self, owner):
        """The garbage collector: what an object owned goes with it."""
        for plural in ("secrets",):
            for one in list(self.objects[plural].values()):
                owners = one["metadata"].get("ownerReferences", [])
                if any(reference["uid"] == owner for reference in owners):
                    self.remove(plural, self._name(one))


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, kube):
        self.kube = kube
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request, client_address):
        """A client that went away in the middle is none."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer("GET")

    def do_POST(self):
        self._answer("POST")

    def do_DELETE(self):
        self._answer("DELETE")

    def _answer(self, method):
        kube = self.server.kube
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        namespace, plural, name = _meant(url.path)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        is_watch = query.get("watch", "").lower() == "true"
        kube.requests.append(("WATCH" if is_watch else method, plural, name))
        if (method, plural) in kube.stalled and not is_watch:
            kube.stalled[method, plural].wait(30)
        if self.headers.get("Authorization") != "Bearer kube-token":
            return self._send(*_status(401, "Unauthorized", "Unauthorized"))
        refused = kube.refusal("WATCH" if is_watch else method, plural)
        if refused is not None:
            status, message, reason, headers = refused
            return self._send(*_status(status, message, reason), headers)
        if plural == "selfsubjectaccessreviews":
            return self._send(*kube.review(body))
        if plural not in kube.served:
            return self._send(404, "404 page not found\n")
        if is_watch:
            return self._stream(lambda send: kube.watch(plural, query, send))
        return self._send(*self._do(method, (namespace, plural, name), query, body))

    def _do(self, method, what, query, body):
        kube, (namespace, plural, name) = self.server.kube, what
        if method == "POST":
            assert query.get("fieldValidation") == "Strict"
            if namespace not in kube.namespaces:
                return _missing("namespaces", namespace)
            return kube.create(plural, body, is_trial=query.get("dryRun") == "All")
        if method == "DELETE":
            return kube.delete(plural, name, body)
        if name:
            found = kube.get(plural, name)
            return _missing(plural, name) if found is None else (200, found)
        return kube.list(plural, query)

    def _send(self, status, content, headers=None):
        is_text = isinstance(content, str)
        data = (content if is_text else json.dumps(content)).encode()
        self.send_response(status)
        kind = "text/plain; charset=utf-8" if is_text else "application/json"
        for key, value in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, give):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

        def send(event):
            line = json.dumps(event).encode() + b"\n"
            half = len(line) // 2  # lines do not come whole
            for part in (line[:half], line[half:]):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            self.wfile.flush()

        try:
            give(send)
        except ConnectionAbortedError:
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        """Nothing: tests have `requests`."""


def _status(code, message, reason=""):
    content = {"kind": "Status", "status": "Failure", "code": code}
    return code, content | {"message": message, "reason": reason}


def _meant(path):
    """Namespace, plural and name in /api/v1/… or /apis/GROUP/VERSION/…, each of which may lack."""
    parts = path.strip("/").split("/")
    is_inside = "namespaces" in parts
    at = parts.index("namespaces") + 1 if is_inside else 2
    return (parts[at] if is_inside else "", *[*parts[at + 1 :], "", ""][:2])


def _missing(plural, name):
    return _status(404, f'{_full(plural)} "{name}" not found', "NotFound")


def _full(plural):
    """As messages name a kind of object."""
    groups = {"rayjobs": ".ray.io", "workloads": ".kueue.x-k8s.io"}
    return f"{plural}{groups.get(plural, '')}"


def _version_of(event):
    return event["object"]["metadata"]["resourceVersion"]


def _seen(event, query):
    """What a watch of some labels tells of a change; empty: it does not concern it."""
    is_in = _matches(event["object"], query)
    if event["type"] != "MODIFIED":
        return event["type"] if is_in else ""
    was_in = _matches(event["before"], query)
    return {(1, 1): "MODIFIED", (1, 0): "DELETED", (0, 1): "ADDED"}.get((was_in, is_in), "")


def _matches(one, query):
    labels = one["metadata"].get("labels") or {}
    wanted = [part.partition("=") for part in query.get("labelSelector", "").split(",") if part]
    return all(labels.get(key) == value for key, _, value in wanted)
