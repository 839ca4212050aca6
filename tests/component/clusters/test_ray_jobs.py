"""Ray's Jobs API, spoken to a dashboard that says what a test put into it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from launcher.clusters._ray_jobs import RayJobs, dashboard_url
from launcher.errors import LauncherError, SpecError, UnauthorizedError, UnreachableError


class Dashboard:
    """Answers by (method, path) with (status, content); knows what it was asked."""

    def __init__(self):
        self.answers = {("GET", "/api/jobs/"): (200, [])}
        self.asked = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.dashboard = self
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class Handler(BaseHTTPRequestHandler):
    def _any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        board = self.server.dashboard
        board.asked.append((self.command, self.path, self.headers["Authorization"], body))
        status, content = board.answers.get((self.command, self.path), (404, "no such route"))
        data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = _any  # noqa: N815 - http.server's names

    def log_message(self, *_):
        pass


@pytest.fixture
def board():
    board = Dashboard()
    yield board
    board.close()


@pytest.fixture
def ray(board):
    jobs = RayJobs(board.url, "secret")
    yield jobs
    jobs.close()


def test_the_version_is_asked_with_the_token(board, ray):
    board.answers["GET", "/api/version"] = (200, {"version": "4", "ray_version": "2.60.0"})
    assert ray.ray_version() == "2.60.0"
    assert {token for _, _, token, _ in board.asked} == {"Bearer secret"}


@pytest.mark.parametrize("answer", [(200, "<html>"), (404, "nothing"), (200, {"version": "4"})])
def test_what_is_no_ray_dashboard_is_told(board, ray, answer):
    board.answers["GET", "/api/version"] = answer
    with pytest.raises(SpecError, match="no Ray dashboard"):
        ray.ray_version()


@pytest.mark.parametrize(
    ("token", "status", "words"),
    [(None, 401, "asks for a token"), ("wrong", 403, "refuses the token that was sent")],
)
def test_a_token_that_is_missing_is_told_apart_from_a_wrong_one(board, token, status, words):
    board.answers["GET", "/api/jobs/"] = (status, "Unauthorized")
    with pytest.raises(UnauthorizedError, match=words) as caught:
        RayJobs(board.url, token).ray_version()
    assert "--ray-token-file" in caught.value.hint


def test_a_dashboard_that_does_not_answer_is_called_rays():
    with pytest.raises(UnreachableError, match=r"Ray's dashboard at .* nothing listens there"):
        RayJobs("http://127.0.0.1:9").ray_version()


def test_an_archive_is_named_by_the_uri_that_a_runtime_environment_takes(board, ray):
    board.answers["PUT", "/api/packages/gcs/_ray_pkg_abc.zip"] = (200, "")
    assert ray.upload("abc", b"data") == "gcs://_ray_pkg_abc.zip"
    assert board.asked[-1][3] == b"data"


def test_a_job_is_submitted_with_an_id_of_our_own(board, ray):
    board.answers["POST", "/api/jobs/"] = (200, {"submission_id": "x"})
    ray.submit("x", "sh start.sh", {"working_dir": "gcs://a.zip"}, {"key": "value"})
    assert json.loads(board.asked[-1][3]) == {
        "submission_id": "x",
        "entrypoint": "sh start.sh",
        "runtime_env": {"working_dir": "gcs://a.zip"},
        "metadata": {"key": "value"},
    }


def test_a_job_that_ray_forgot_is_none_and_its_log_empty(ray):
    assert ray.job("x") is None
    assert ray.log("x") == ""
    ray.stop("x")


def test_jobs_that_were_not_submitted_are_left_out(board, ray):
    listed = [
        {"submission_id": "a", "status": "RUNNING", "metadata": None, "message": None},
        {"submission_id": None, "job_id": "01000000", "status": "RUNNING"},
    ]
    board.answers["GET", "/api/jobs/"] = (200, listed)
    assert [(job.id, job.has_ended, job.metadata) for job in ray.jobs()] == [("a", False, {})]


def test_what_breaks_in_ray_is_told_with_where_to_look(board, ray):
    board.answers["POST", "/api/jobs/"] = (500, "Traceback …")
    with pytest.raises(LauncherError, match=r"Ray at .* answered 500") as caught:
        ray.submit("x", "true", {}, {})
    assert "dashboard.log" in caught.value.hint


@pytest.mark.parametrize("text", ["head:8265", "ray://head:10001", "head", "http://"])
def test_another_address_of_ray_is_refused_with_the_right_one(text):
    with pytest.raises(SpecError) as caught:
        dashboard_url(text)
    assert ":8265" in caught.value.hint
