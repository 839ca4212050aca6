import io
import json
import zipfile

import pytest

from launcher.clusters import _attaching, _bundle
from launcher.clusters._ray_jobs import RayJob
from launcher.errors import ConflictError, LauncherError, UnreachableError
from launcher.executor import hosting


class Ray:
    """A Ray that says these things one after another."""

    url = "http://head:8265"

    def __init__(self, version="2.60.0", logs=("",), statuses=("RUNNING",)):
        self.version, self.logs, self.statuses = version, list(logs), list(statuses)
        self.submitted = []

    def ray_version(self):
        return self.version

    def upload(self, name, archive):
        self.archive = archive
        return f"gcs://{name}.zip"

    def submit(self, job_id, entrypoint, runtime_env, metadata):
        self.submitted.append((job_id, entrypoint, runtime_env, metadata))

    def job(self, job_id):
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return RayJob(job_id, status) if status else None

    def log(self, _job_id):
        return self.logs.pop(0) if len(self.logs) > 1 else self.logs[0]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(_attaching.time, "sleep", lambda _s: None)


def mark(**facts):
    return f"{_attaching.MARK}{json.dumps(facts)}\n"


def names(archive):
    return set(zipfile.ZipFile(io.BytesIO(archive)).namelist())


def test_the_archive_has_all_that_an_agent_imports():
    sent = names(_bundle.bundle({}, whole=False))
    _, agents = hosting.agent_code()
    assert names(agents) <= sent
    assert "launcher/frameworks/compatibility.json" in sent
    assert {"start.sh", "attach.json", "launcher/executor/attached.py"} <= sent


def test_the_archive_has_no_server_unless_it_shall_run_one():
    small, whole = (names(_bundle.bundle({}, whole=whole)) for whole in (False, True))
    assert not [name for name in small if name.startswith(("launcher/server", "launcher/cli"))]
    assert small < whole
    assert {"launcher/server/app.py", "launcher/store/migrations/env.py"} <= whole
    assert not [name for name in whole if "__pycache__" in name]


def test_the_order_in_the_archive_is_for_its_owner_alone():
    archive = zipfile.ZipFile(io.BytesIO(_bundle.bundle({"token": "t"}, whole=False)))
    assert archive.getinfo("attach.json").external_attr >> 16 == 0o600


@pytest.mark.parametrize("version", ["2.49.0", "2.60.0", "3.0.0rc1", "2.50.1.dev0"])
def test_a_ray_that_takes_a_node_for_each_bundle_will_do(version):
    assert _attaching.check_version(Ray(version)) == version


@pytest.mark.parametrize("version", ["2.48.0", "1.13.0", "2.9.3"])
def test_an_older_ray_is_refused_with_both_versions(version):
    with pytest.raises(ConflictError, match=rf"{version}; launcher needs 2\.49"):
        _attaching.check_version(Ray(version))


def test_a_job_carries_the_order_and_says_whose_it_is():
    ray = Ray()
    order = {"cluster": "prod", "server": "http://s", "server_id": "s1", "token": "secret"}
    _attaching.submit(ray, "launcher-prod-abc", order)
    ((job_id, entrypoint, environment, metadata),) = ray.submitted
    assert (job_id, entrypoint) == ("launcher-prod-abc", "exec sh start.sh")
    assert "secret" not in json.dumps([environment, metadata, entrypoint])
    sent = json.loads(zipfile.ZipFile(io.BytesIO(ray.archive)).read("attach.json"))
    assert sent == order | {"job": job_id}
    assert (metadata["launcher_cluster"], metadata["launcher_server"]) == ("prod", "s1")


def test_no_two_jobs_share_an_archive_that_ray_would_unpack_but_once():
    ray = Ray()
    for job_id in ("x", "y"):
        _attaching.submit(ray, job_id, {"cluster": "prod", "server": "http://s"})
    one, other = (environment["working_dir"] for _, _, environment, _ in ray.submitted)
    assert one != other


def test_packages_are_installed_for_that_job_by_ray():
    ray = Ray()
    _attaching.submit(ray, "x", {"cluster": "prod", "serve": {}}, packages=["fastapi>=0.115"])
    ((_, entrypoint, environment, _),) = ray.submitted
    assert environment["pip"]["packages"] == ["fastapi>=0.115"]
    assert entrypoint == "exec sh start.sh python"


def wait_for(ray, serves=lambda: True, **more):
    return list(_attaching.await_executor(ray, "x", serves, **more))


def test_an_executor_that_serves_and_whose_nodes_reach_the_server_is_there():
    python = mark(python="3.11.7", host="head")
    ray = Ray(logs=["", python, python + mark(nodes={}, of=3)], statuses=["PENDING", "RUNNING"])
    assert wait_for(ray) == ["its head head has Python 3.11.7"]


def test_a_refusal_is_told_in_the_words_of_the_job():
    log = "noise\n" + mark(refused="cannot", hint="do this", kind="UnreachableError")
    with pytest.raises(UnreachableError, match="cannot") as caught:
        wait_for(Ray(logs=[log]))
    assert caught.value.hint == "do this"


def test_a_job_that_ends_is_told_with_its_last_lines():
    with pytest.raises(ConflictError, match=r"(?s)x ended \(FAILED\).*No module named"):
        wait_for(Ray(logs=["No module named ray\n"], statuses=["FAILED"]))


def test_a_job_that_ray_forgot_is_told():
    with pytest.raises(ConflictError, match="forgot the job"):
        wait_for(Ray(statuses=[None]))


def test_an_executor_that_does_not_come_up_is_given_up():
    with pytest.raises(UnreachableError, match=r"did not come up within 0 s.* is PENDING"):
        wait_for(Ray(statuses=["PENDING"]), lambda: False, timeout_s=0)


def test_nodes_that_are_not_checked_in_time_are_told(monkeypatch):
    monkeypatch.setattr(_attaching, "NODES_TIMEOUT_S", -1)
    assert wait_for(Ray()) == ["not checked: whether every node reaches the server"]


def test_a_line_that_is_still_being_written_says_nothing():
    assert _attaching.read_marks(mark(a=1) + '@launcher {"b": ') == {"a": 1}


def test_one_node_that_does_not_reach_the_server_is_a_warning():
    (told,) = _attaching.judge_nodes({"10.0.0.3": "timed out"}, 3)
    assert "10.0.0.3" in told
    assert "timed out" in told


@pytest.mark.parametrize(("count", "unreached"), [(3, ["b", "c"]), (1, ["a"]), (2, ["b"])])
def test_a_server_that_the_head_alone_reaches_is_refused(count, unreached):
    with pytest.raises(UnreachableError, match="none of the other nodes") as caught:
        _attaching.judge_nodes(dict.fromkeys(unreached, "refused"), count)
    assert "--server-url" in caught.value.hint


def test_only_living_jobs_of_launcher_are_ours():
    mine = RayJob("a", "RUNNING", metadata={"launcher_cluster": "prod"})
    over = RayJob("b", "STOPPED", metadata={"launcher_cluster": "prod"})
    assert _attaching.ours([mine, over, RayJob("c", "RUNNING")]) == [mine]


def test_a_job_that_does_not_end_is_told():
    class Stubborn(Ray):
        def stop(self, _job_id):
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_attaching, "_STOP_TIMEOUT_S", -1.0)
        with pytest.raises(LauncherError, match="did not end job x"):
            _attaching.stop(Stubborn(), "x")
