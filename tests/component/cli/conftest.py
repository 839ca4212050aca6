"""A server of the REST API on 127.0.0.1 that says what a test put into it."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from launcher.spec.jobspec import JobSpec


class FakeServer:
    """What it knows is public; `requests` tells what was asked."""

    token = "secret"

    def __init__(self):
        self.jobs = {}
        self.events = []
        self.logs = {}
        self.series = []
        self.summaries, self.curves = [], []
        self.checkpoints = []
        self.outputs = []
        self.files = {}
        self.served = []
        self.code = ""
        self.packages = {}
        self.keys = {}
        self.follows = []
        self.server = {"server_id": "s1", "version": "0.1.0", "embedded": False, "clusters": []}
        self.requests = []
        self.said = {}  # (method, first part of the path) -> what is answered there
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.fake = self
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._http.server_port}"

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def add_job(self, identity="digits-k3m9ap", state="RUNNING", **more):
        job = {"id": identity, "name": identity.split("-")[0], "state": state, "user": "ada"}
        job |= {"submitted_at": 1_700_000_000.0, "framework": "pytorch"} | more
        self.jobs[identity] = job
        return job

    def follow(self, *messages, breaks=False):
        """The next connection of a follower gets these (kind, data); then it ends or breaks."""
        self.follows.append((messages, breaks))

    def follow_end(self, job, *messages):
        """The whole story of a job that ends in its present state."""
        self.follow(("state", job), *messages, ("end", {"state": job["state"]}))

    # --- answers ----------------------------------------------------------------------------------

    def answer(self, method, path, query, body, headers):
        """(status, JSON or bytes, headers)."""
        parts = [unquote(part) for part in path.removeprefix("/api/v1/").split("/")]
        said = self.said.get((method, parts[0]))
        if said is not None:
            return 200, said, {}
        return self._answer(method, parts, query, body, headers)

    def _answer(self, method, parts, query, body, headers):
        match [method, *parts]:
            case ["GET", "server"]:
                return 200, self.server, {}
            case [_, "packages", sha]:
                return self._package(method, sha, body)
            case ["POST", "jobs"]:
                return self._submit(json.loads(body), headers["Idempotency-Key"])
            case [_, "queue", *rest]:
                return self._of_queue(rest, query, body)
            case [_, "jobs", *rest]:
                return self._of_jobs(method, rest, query, body)
        return 404, {"error": f"no route {parts}", "hint": None}, {}

    def _of_jobs(self, method, rest, query, body):
        if rest:
            return self._of_job(method, rest[0], rest[1:], query, body)
        return 200, {"jobs": self._listed(query)}, {}

    def _package(self, method, sha, body):
        if method == "HEAD":
            return (200 if sha in self.packages else 404), b"", {}
        self.packages[sha] = body
        return 201, {"size": len(body)}, {}

    def _listed(self, query):
        states = query.get("state")
        found = [job for job in self.jobs.values() if not states or job["state"] in states]
        return found[: int(query["limit"][0])]

    def _submit(self, request, key):
        if key in self.keys:
            return 200, self.jobs[self.keys[key]], {}
        spec = JobSpec.model_validate(request["spec"]).model_dump(mode="json")
        job = self.add_job(f"{spec['name']}-{len(self.jobs) + 1:06}", "QUEUED", spec=spec)
        job |= {"user": request["user"], "workers": spec["resources"]["workers"]}
        self.keys[key] = job["id"]
        return 201, job, {}

    def _of_queue(self, rest, query, body):
        return self._order(*rest, json.loads(body)) if rest else self._unended(query)

    def _unended(self, query):
        over = {"SUCCEEDED", "FAILED", "CANCELLED"}
        jobs = [
            {key: job.get(key, "default") for key in ("id", "state", "project", "user")}
            for job in self.jobs.values()
            if job["state"] not in over
            and all(job.get(key, "default") in values for key, values in query.items())
        ]
        return 200, {"jobs": jobs}, {}

    def _order(self, verb, order):
        outcomes = []
        for ref in order["jobs"]:
            found = [job for job in self.jobs.values() if ref in job["id"]]
            if not found:
                return 404, {"error": f"no job {ref}", "hint": "launcher list shows all"}, {}
            outcomes += [self._outcome(verb, job, order) for job in found]
        return 200, {"outcomes": outcomes}, {}

    def _outcome(self, verb, job, order):
        before = job["state"]
        if verb == "hold" and before == "RUNNING":
            problem = {"problem": f"job '{job['id']}' is RUNNING", "hint": "cancel it"}
            return {"job": job["id"], "before": before, "state": before} | problem
        states = {"hold": "HELD", "release": "QUEUED"}
        job["state"] = states.get(verb) or self._state_after(verb, json.dumps(order))
        return {"job": job["id"], "before": before, "state": job["state"]}

    def _of_job(self, method, ref, rest, query, body):
        job = next((job for job in self.jobs.values() if ref in job["id"]), None)
        if job is None:
            return 404, {"error": f"no job {ref}", "hint": "launcher list shows all"}, {}
        match [method, *rest]:
            case ["POST", verb]:
                job["state"] = self._state_after(verb, body)
            case ["GET", "logs", attempt, rank]:
                return self._log(self.logs[int(attempt), int(rank)], query)
            case ["GET", "checkpoints" | "outputs", _, "files", *path]:
                self.served.append("/".join(path))
                return 200, self.files["/".join(path)], {}
            case ["GET", "code"]:
                return 200, self.packages[self.code], {}
            case ["GET", part]:
                return 200, self._part(part), {}
        return 200, job, {}

    def _state_after(self, verb, body):
        if verb == "cancel":
            return "CANCELLED" if json.loads(body)["force"] else "CANCELLING"
        return "QUEUED"

    def _part(self, part):
        streams = [
            {"attempt": attempt, "rank": rank, "stream": "log", "length": len(data)}
            for (attempt, rank), data in self.logs.items()
        ]
        return {
            "why": {"text": "needs 4 GPUs, 2 are free"},
            "events": {"events": self.events},
            "metrics": {"series": self.series},
            "summaries": {"summaries": self.summaries},
            "curves": {"curves": self.curves},
            "checkpoints": {"checkpoints": self.checkpoints},
            "outputs": {"outputs": self.outputs},
            "logs": {"streams": streams},
        }[part]

    def _log(self, data, query):
        offset = int(query.get("offset", ["0"])[0])
        if "tail" in query:
            lines = data.splitlines(keepends=True)
            offset = len(data) - len(b"".join(lines[-int(query["tail"][0]) :]))
        part = data[offset : offset + int(query.get("limit", [2**20])[0])]
        return 200, part, {"X-Log-Offset": str(offset), "X-Log-Length": str(len(data))}


class Handler(BaseHTTPRequestHandler):
    """Hands every request to the fake server that its HTTP server carries."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for the head's acknowledgement

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._any
        raise AttributeError(name)

    def _any(self):
        fake = self.server.fake
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fake.requests.append((self.command, self.path, self.headers))
        if self.headers.get("Authorization") != f"Bearer {fake.token}":
            self._send(401, {"error": "the token is wrong", "hint": "set LAUNCHER_TOKEN"}, {})
        elif parts.path.endswith("/follow"):
            self.send_events(*fake.follows.pop(0))
        else:
            query = parse_qs(parts.query)
            self._send(*fake.answer(self.command, parts.path, query, body, self.headers))

    def _send(self, status, answer, headers):
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_events(self, messages, breaks):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, (kind, data) in enumerate(messages):
            text = f"id: c{number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.close_connection = True
        if not breaks:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args):
        pass


def log(rank, data, *, attempt=1, offset=0):
    """A log message of a follower's stream."""
    content = base64.b64encode(data).decode()
    return ("log", {"attempt": attempt, "rank": rank, "offset": offset, "data": content})


@pytest.fixture
def fake(monkeypatch, tmp_path_factory):
    server = FakeServer()
    monkeypatch.setenv("LAUNCHER_SERVER", server.url)
    monkeypatch.setenv("LAUNCHER_TOKEN", server.token)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    yield server
    server.close()


@pytest.fixture
def log_message():
    return log


@pytest.fixture
def cli(capfdbinary, monkeypatch, tmp_path):
    """Runs a command line in a folder of its own: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    from launcher.cli._main import call

    def run(*words):
        code = call(words)
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return run


@pytest.fixture
def program(tmp_path):
    """A folder with a training program, as the current one of `cli`."""
    Path(tmp_path, "train.py").write_text("print('hello')\n")
    return tmp_path
