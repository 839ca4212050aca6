"""What the chart's pods run, on this machine: in namespaces of their own, as their user, on a root
file system that nobody may write, with volumes that belong to root.

    python pod.py FOLDER    # as root within `unshare --mount --pid --net --fork --mount-proc`

FOLDER has `server.json` and `executor.json`: container and environment as the chart renders them.
The server is process 1 of its container. The executor is there before Ray. Prints what was seen,
one JSON object; the logs are in FOLDER.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

VOLUMES, LOGS = Path("/mnt"), Path("/media")
PLACES = ("/etc/launcher", "/var/lib/launcher", "/spool")
URL = "http://localhost:8080"
USER = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--no-new-privs"]
USER += ["--inh-caps=-all", "--bounding-set=-all"]
PROGRAM = "import os; print('rank', os.environ['RANK'], os.getuid(), os.nice(0))"
RAY = ["-m", "ray.scripts.scripts", "start", "--head", "--port=6379", "--num-cpus=2"]
RAY += ["--node-ip-address=127.0.0.1", "--include-dashboard=false", "--disable-usage-stats"]
RAY += ["--object-store-memory=80000000"]


def main(folder: Path) -> None:
    containers = {
        name: json.loads((folder / f"{name}.json").read_text()) for name in ("server", "executor")
    }
    make_volumes(folder)
    logs = {name: (LOGS / f"{name}.log").open("wb") for name in ("server", "executor", "job")}
    seen: dict[str, Any] = {"root is written": can_write("/")}
    # Alone in a process namespace it is process 1, which no signal ends that it does not ask for.
    first = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    server = start(containers["server"], logs["server"], first)
    await_(lambda: status("/readyz") == 200, server)
    seen["healthy"] = status("/healthz")
    executor = start(containers["executor"], logs["executor"], [])
    log = LOGS / "executor.log"
    await_(lambda: b"waiting for Ray" in log.read_bytes(), executor)
    ray_environment = environment(containers["executor"])
    subprocess.run([*USER, sys.executable, *RAY], env=ray_environment, check=True, stdout=2)
    await_(lambda: b"session 1 of" in log.read_bytes(), executor)
    seen["job"] = run_job(logs["job"])
    seen["server's end"], seen["seconds"] = end(server)
    print(json.dumps(seen))


def make_volumes(folder: Path) -> None:
    """Roots of volumes belong to root; a group, or everybody, may write in them."""
    mount("--make-rprivate", "/")
    mount("--bind", str(folder), str(LOGS))
    if Path("/root") in Path(sys.base_prefix).parents:  # whose home nobody else may look into
        hidden = Path(sys.base_prefix).relative_to("/root").parts[0]
        mount("--bind", f"/root/{hidden}", "/srv")
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/root")
        Path("/root", hidden).mkdir()
        mount("--bind", "/srv", f"/root/{hidden}")
    for path in (str(VOLUMES), "/tmp", "/dev/shm"):
        mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", path)
    for place in PLACES:
        own(place).mkdir(parents=True)
        own(place).chmod(0o777)
    for token in ("admin", "executor"):
        (own("/etc/launcher") / token).mkdir()
        (own("/etc/launcher") / token / "token").write_text(f"{token}-" + "0" * 40)
    mount("-o", "remount,bind,ro", "/")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def start(container: dict[str, Any], log: Any, prefix: list[str]) -> subprocess.Popen[bytes]:
    program, *words = [*container["command"], *container["args"]]
    assert program == "launcher"
    command = [sys.executable, "-m", "launcher", *map(translated, words)]
    return subprocess.Popen(
        [*prefix, *USER, *command], env=environment(container), stdout=log, stderr=log, cwd="/"
    )


def environment(container: dict[str, Any]) -> dict[str, str]:
    said = {e["name"]: translated(e["value"]) for e in container["env"] if "value" in e}
    return {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"} | said


def translated(text: str) -> str:
    for place in PLACES:
        text = text.replace(place, str(own(place)))
    return text


def own(place: str) -> Path:
    return VOLUMES / place.replace("/", "-").strip("-")


def run_job(log: Any) -> int:
    folder = Path("/tmp/job")
    folder.mkdir(mode=0o777)
    (folder / "train.py").write_text(PROGRAM)
    token = (own("/etc/launcher") / "admin/token").read_text()
    words = ["run", "--workers", "2", "--gpus-per-worker", "0", "--", "train.py"]
    return subprocess.run(
        [sys.executable, "-m", "launcher", *words],
        env={"LAUNCHER_SERVER": URL, "LAUNCHER_TOKEN": token, "HOME": "/tmp", "PATH": "/usr/bin"},
        cwd=folder,
        stdout=log,
        stderr=log,
        check=False,
        timeout=120,
    ).returncode


def end(server: subprocess.Popen[bytes]) -> tuple[int, float]:
    """SIGTERM to process 1 of the server's container; its exit code, and how long it took."""
    [child] = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    begun = time.monotonic()
    os.kill(int(child), signal.SIGTERM)
    return server.wait(timeout=60), round(time.monotonic() - begun, 1)


def await_(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 120
    while not holds():
        assert process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < give_up, "it takes too long"
        time.sleep(0.1)


def status(path: str) -> int:
    try:
        with urllib.request.urlopen(f"{URL}{path}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def can_write(folder: str) -> bool:
    try:
        Path(folder, "written").touch()
    except OSError:
        return False
    return True


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
