"""A server that several people share: two projects, each with users of every role.

`mars` is full of all that can be kept; of `venus`, whose users are the strangers, there is a job.
"""

import json
import re
from types import SimpleNamespace

from players import SPEC, Agent, Executor, bearer, node, sha256

from launcher.model.access import Kind, Role

API = "/api/v1"
ROLES = ("viewer", "member", "admin")
MARKS = (b"mars", b"sesame", b"MARS")
"""What of the full project is found in no answer to a stranger."""


class Shared:
    """`token_of` by the names of users: `mars-viewer`, ..., `venus-admin`, `nobody`, `root`."""

    def __init__(self, server):
        self.server = server
        self.token_of = {}
        for project in ("mars", "venus"):
            for role in ROLES:
                self.add(f"{project}-{role}", project, role)
        self.add("nobody")
        self.add("root", is_admin=True)

    def add(self, name, project=None, role="member", *, kind=Kind.PERSON, is_admin=False):
        """A user; gives their token."""
        accounts = self.server.services.accounts
        accounts.add(name, kind, is_admin=is_admin, by="test")
        if project is not None:
            accounts.grant(project, name, Role(role))
        self.token_of[name] = accounts.make_token(user=name, by="test").text
        return self.token_of[name]

    def ask(self, who, method, path, **more):
        """An answer of the API."""
        return self.server.ask(method, path, token=self.token_of[who], **more)

    def submit(self, who, *, key=None, code="", code_of=None, user="forged", **spec):
        headers = {"Idempotency-Key": key} if key else {}
        data = {"spec": SPEC | spec, "code": code, "code_of": code_of, "user": user}
        return self.ask(who, "POST", "/jobs", headers=headers, data=data)

    def new_job(self, who, **spec):
        reply = self.submit(who, **spec)
        assert reply.status == 201, reply.body
        return reply.json()["id"]

    def fill(self):
        """A job of mars with everything that a job can have, and a queue behind it."""
        executor = Executor(self.server)
        executor.report(node("n1"), node("n2"))
        code = b"sesame code"
        self.code = sha256(code)
        self.ask("mars-member", "PUT", f"/packages/{self.code}", body=code)
        self.ask("mars-member", "PUT", "/secrets/MARS_KEY?project=mars", body=b"sesame-value")
        self.job = self.new_job(
            "mars-member", name="sesame", project="mars", code=self.code, secrets=["MARS_KEY"]
        )
        self.server.cycle()
        (wanted,) = executor.desired()["allocations"]
        agent = self.agent = Agent(self.server, wanted)
        agent.sync(attempt=1, started=1)
        agent.log(b"sesame was printed\n")
        agent.points(1, 2, sesame_loss=0.5)
        committed = agent.commit(1, {"sesame.pt": b"sesame weights"}).json()["committed"]
        self.checkpoint = committed["id"]
        files = {"sesame.png": b"\x89PNG\r\n\x1a\n sesame"}
        entries = [
            {"path": path, "size": len(data), "sha256": agent.upload(data)}
            for path, data in files.items()
        ]
        report = {"attempt": 1, "rank": 0, "files": entries}
        assert agent.ask("POST", "/outputs", data=report).status == 200
        big = {"workers": 6}
        self.waiting = self.new_job(
            "mars-member", name="sesame-queue", project="mars", resources=big
        )
        self.array = self.new_job("mars-member", name="sesame-sweep", project="mars", array="0-1")
        self.venus = self.new_job("venus-member", name="aphrodite", project="venus", resources=big)
        self.ask("mars-admin", "PUT", "/retention", data={"project": "mars", "values": {"logs": 9}})
        self.server.cycle()
        return self

    def browser_of(self, who, job=""):
        """Cookies of a page that was opened by a user."""
        path = self.ask(who, "POST", "/page-codes", data={"job": job}).json()["path"]
        reply = self.server.browser.ask("GET", path)
        return {"Cookie": "; ".join(one.partition(";")[0] for one in reply.cookies)}


def every_route(app):
    """(method, path as it is written) of all that is served, hidden or described."""
    return {found for found in _routes(app.routes) if not found[1].startswith("/static-")}


def _routes(routes):
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _routes(inner.routes)
        elif getattr(route, "methods", None):
            yield from ((method, route.path) for method in route.methods if method != "HEAD")
            if route.methods == {"HEAD"}:
                yield "HEAD", route.path


def described(server):
    """(method, path) of the OpenAPI document."""
    paths = server.browser.ask("GET", "/openapi.json").json()["paths"]
    return {(method.upper(), path) for path, by_method in paths.items() for method in by_method}


def plain(path):
    """As the description writes it: without converters."""
    return re.sub(r":path\}", "}", path)


def real(shared):
    """What a request can name of mars."""
    return SimpleNamespace(
        job=shared.job, project="mars", digest=shared.code, checkpoint=shared.checkpoint,
        secret="MARS_KEY", user="mars-member", path="sesame.pt", array=shared.array,
        output="sesame.png",
    )  # fmt: skip


def fake():
    """Things of the same form that there never were."""
    return SimpleNamespace(
        job="sesame-zzzzzz", project="nowhere", digest="0" * 64, checkpoint=999,
        secret="NO_KEY", user="no-member", path="no.pt", array="sesame-sweep-zzzzzz-0",
        output="no.png",
    )  # fmt: skip


def address(path, of):
    """The path with what it names filled in."""
    values = {
        "ref": of.job, "attempt": 1, "rank": 0, "checkpoint_id": of.checkpoint, "name": of.project,
        "user": of.user, "digest": of.digest, "allocation": f"{of.job}.1", "cluster": "local",
        "identity": "a1b2c3d4",
        "path": of.output if "outputs" in path else of.path,
    }  # fmt: skip
    if "/secrets/" in path:
        values["name"] = of.secret
    if "/users/" in path:
        values["name"] = of.user
    found = re.sub(r"\{(\w+)(?::path)?\}", lambda match: str(values[match[1]]), path)
    query = {
        "/compare": f"?job={of.job}", "/jobs/{ref}/diff": f"?other={of.job}",
        "/api/v1/sparklines": f"?job={of.job}", "/api/v1/jobs": f"?project={of.project}",
        "/api/v1/queue": f"?project={of.project}",
        "/api/v1/secrets/{name}": f"?project={of.project}",
        "/api/v1/audit": f"?project={of.project}", "/api/v1/tokens": f"?user={of.user}",
        "/": f"?q={of.job}",
        "/api/v1/jobs/{ref}/logs/{attempt}/{rank}/search": "?text=sesame",
    }.get(path, "")  # fmt: skip
    return found + query


def body(method, path, of):
    """What is sent along, by the routes that read anything."""
    spec = SPEC | {"project": of.project}
    bodies = {
        "POST /jobs": {"spec": spec}, "POST /plan": {"spec": spec},
        "POST /prune": {"older_than_s": 0, "project": of.project},
        "PUT /retention": {"project": of.project, "values": {"logs": 1.0}},
        "POST /retention/apply": {}, "POST /page-codes": {"job": of.job},
        "POST /notify/test": {"url_secret": of.secret, "project": of.project},
        "POST /notify/key": {"url_secret": of.secret, "project": of.project},
        "POST /jobs/{ref}/exec": {"argv": ["true"]},
        "POST /tokens": {"user": of.user}, "POST /users": {"name": "mallory", "is_admin": True},
        "PUT /users/{name}": {"is_admin": True},
        "PUT /projects/{name}/members/{user}": {"role": "admin"},
        "PUT /projects/{name}/clusters/{cluster}": {"allowed": False},
        "PUT /projects/{name}": {"weight": 9.0},
        "POST /clusters/{name}/attach": {"ray_url": "http://127.0.0.1:1"},
        "POST /clusters/{name}/detach": {},
        "POST /queue/priority": {"jobs": [of.job], "priority": 99},
        "POST /queue/limit": {"jobs": [of.job], "limit": 9},
        "PUT /exec/{identity}/steering": {},
    }  # fmt: skip
    route = f"{method} {path.removeprefix(API)}"
    if route.startswith("POST /queue/") and route not in bodies:
        return {"jobs": [of.job]}
    return bodies.get(route, {} if method in {"POST", "PUT"} else None)


def asked(server, method, path, of, headers):
    """(status, body) of a request; of an endless stream its first part."""
    data = body(method, path, of)
    if path in {f"{API}/packages/{{digest}}", f"{API}/secrets/{{name}}"}:
        data = None
    with server.browser.open(method, address(path, of), headers=headers, data=data) as stream:
        start = stream.get()
        kind = dict(start["headers"]).get(b"content-type", b"")
        if start["status"] == 200 and kind.startswith(b"text/event-stream"):
            return 200, next(stream.blocks())
        return start["status"], b"".join(stream.blocks())


def sent(method, path, of):
    """All that a request says."""
    return address(path, of) + json.dumps(body(method, path, of))


def anonymous(text, method, path, of):
    """An answer without what was asked for, which it may say again."""
    for value in (of.job, of.digest, of.secret, of.user, of.path, of.output, of.project):
        if str(value) in sent(method, path, of):
            text = text.replace(str(value).encode(), b"*")
    return text


def as_user(shared, who):
    return bearer(shared.token_of[who])
