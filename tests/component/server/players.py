"""The server and those who speak to it: a user, an executor, agents."""

import contextlib
import hashlib
import json

from in_process import records, with_query

from launcher.server.scheduling import cycle

TOKEN = "user-token"
API = "/api/v1"
SPEC = {
    "name": "digits",
    "framework": "command",
    "entrypoint": ["true"],
    "resources": {"workers": 2},
    "timeouts": {"start": "1h"},
}


def bearer(token):
    return {"Authorization": f"Bearer {token}"} if token else {}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


class Server:
    """The application in this process. Its scheduler runs when `cycle` is called, and only then."""

    def __init__(self, browser, app, wall, monotonic):
        self.browser, self.app = browser, app
        self.wall, self.monotonic = wall, monotonic
        self.services = app.state.services
        self.control, self.store = self.services.control, self.services.control.store
        self.control.clock = wall
        self.services.agents._clock = monotonic

    def ask(self, method, path, *, token=TOKEN, headers=None, **more):
        headers = bearer(token) | (headers or {})
        return self.browser.ask(method, f"{API}{path}", headers=headers, **more)

    def get(self, path, **query):
        """The JSON of an answer that is no refusal."""
        reply = self.ask("GET", with_query(path, **query))
        assert reply.status == 200, reply.body
        return reply.json()

    def submit(self, *, key=None, code="", python=None, **spec):
        headers = {"Idempotency-Key": key} if key else {}
        data = {"spec": SPEC | spec, "code": code, "python": python, "user": "ada"}
        return self.ask("POST", "/jobs", headers=headers, data=data)

    def new_job(self, **spec):
        """Id of a job that was just submitted."""
        reply = self.submit(**spec)
        assert reply.status == 201, reply.body
        return reply.json()["id"]

    def order(self, verb, job, **data):
        return self.ask("POST", f"/jobs/{job}/{verb}", data=data)

    def show(self, job):
        return self.get(f"/jobs/{job}")

    def cycle(self):
        cycle(self.control, self.services.agents)

    @contextlib.contextmanager
    def follow(self, job, *, headers=None, **query):
        address = with_query(f"{API}/jobs/{job}/follow", **query)
        with self.browser.open("GET", address, headers=bearer(TOKEN) | (headers or {})) as stream:
            yield records(stream)

    def story(self, job, **query):
        """All that a follower of an ended job is told."""
        with self.follow(job, **query) as told:
            return list(told)


def node(name, cpus=4, free=None):
    amounts = {"CPU": float(cpus)}
    remaining = amounts if free is None else {"CPU": float(free)}
    return {
        "node_id": name,
        "host": f"host-of-{name}",
        "address": "10.0.0.1",
        "total": amounts,
        "free": remaining,
    }


class Executor:
    """The one of its cluster."""

    def __init__(self, server, cluster="local", *, replaces=None, fence=None):
        """Opens a session, unless it has one: `fence`."""
        self._server, self.cluster, self.fence = server, cluster, fence
        self.hello = {
            "cluster": cluster,
            "kind": "local",
            "ray_version": "2.60.0",
            "python_version": "3.11",
            "launcher_version": "0.1.0",
            "host": "head",
            "replaces": replaces,
        }
        if fence is None:
            reply = server.ask("POST", "/executor/session", data=self.hello)
            assert reply.status == 200, reply.body
            self.fence = reply.json()["fence"]

    def send(self, *nodes, allocations=(), receipt="", **more):
        data = {"cluster": self.cluster, "fence": self.fence, "nodes": nodes}
        data |= {"allocations": allocations, "receipt": receipt} | more
        return self._server.ask("POST", "/executor/report", data=data)

    def report(self, *nodes, **more):
        """Gives the receipt."""
        reply = self.send(*nodes, **more)
        assert reply.status == 200, reply.body
        return reply.json()["receipt"]

    def ask_desired(self, **query):
        query = {"cluster": self.cluster, "fence": self.fence} | query
        return self._server.ask("GET", with_query("/executor/desired", **query))

    def desired(self):
        return self.ask_desired().json()


class Agent:
    """One of an allocation that the executor wants."""

    def __init__(self, server, wanted, index=0, address="10.0.0.1:7000"):
        self._server, self.token = server, wanted["token"]
        self.job = wanted["job_id"]
        self.status = {"allocation": wanted["id"], "index": index, "address": address}

    def ask(self, method, path, **more):
        return self._server.ask(method, f"/agent{path}", token=self.token, **more)

    def send(self, wait=0, **facts):
        self.status |= facts
        return self.ask("POST", f"/sync?wait={wait}", data=self.status)

    def sync(self, **facts):
        """Gives the orders."""
        reply = self.send(**facts)
        assert reply.status == 200, reply.body
        return reply.json()

    def append(self, *pieces):
        """Pieces (stream, attempt, rank, offset, bytes); gives the answer."""
        keys = ("stream", "attempt", "rank", "offset")
        head = [dict(zip(keys, p[:4], strict=True)) | {"size": len(p[4])} for p in pieces]
        body = json.dumps(head).encode() + b"\n" + b"".join(piece[4] for piece in pieces)
        return self.ask("POST", "/append", body=body)

    def log(self, data, *, attempt=1, rank=0, offset=0):
        return self.append(("log", attempt, rank, offset, data)).json()["lengths"]

    def points(self, *steps, attempt=1, rank=0, offset=0, at=5.0, **values):
        lines = [json.dumps({"t": at, "k": "m", "step": step, "m": values}) for step in steps]
        data = "".join(f"{line}\n" for line in lines).encode()
        return self.append(("spool", attempt, rank, offset, data)).json()["lengths"]

    def upload(self, data):
        digest = sha256(data)
        assert self.ask("PUT", f"/blobs/{digest}", body=data).status == 200
        return digest

    def commit(self, step, files, *, attempt=1, **more):
        """Upload and commit a checkpoint of `files`, path -> bytes; gives the answer."""
        entries = [
            {"path": path, "size": len(data), "sha256": self.upload(data)}
            for path, data in files.items()
        ]
        manifest = {"attempt": attempt, "step": step, "files": entries} | more
        return self.ask("POST", "/checkpoints", data=manifest)

    def end(self, ending="FINISHED", attempt=1, **verdict):
        """The word of a gang of this one node: the attempt is over."""
        self.sync(attempt=attempt, started=attempt)
        told = {"ending": ending} | verdict
        return self.sync(verdict=told, quiet=attempt)
