"""Worker pods of the chart on this machine, one of which Kubernetes ends while a job trains in it.

    python pod_drained.py FOLDER    # as pod.py, whose server and executor these are

FOLDER has `worker.json` too. Each pod has processes, /tmp, /dev/shm and a spool of its own, and as
its process 1 the shell that KubeRay starts Ray by. It is ended as a kubelet does: its hook, SIGTERM
to process 1, and SIGKILL once its grace is over. Prints what was seen, one JSON object.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pod
from pod import LOGS, URL, USER, await_, environment, own

PODS = 2
PROGRAM = """
import time
from pathlib import Path
import launcher

found = launcher.resume_from()
step = begun = int(Path(found, "step").read_text()) if found else 0
print("goes on from" if begun else "begins at", begun, flush=True)
while not (begun and step >= begun + 20):
    step += 1
    launcher.report(step=step, x=0.0)
    if launcher.should_stop():
        with launcher.checkpoint(step) as folder:
            (folder / "step").write_text(str(step))
        print("saved", step, flush=True)
        break
    time.sleep(0.01)
"""
RAY = ["-m", "ray.scripts.scripts", "start", "--block", "--address=127.0.0.1:6379"]
RAY += ["--num-cpus=1", "--object-store-memory=80000000", "--disable-usage-stats"]


def main(folder: Path) -> None:
    containers = {
        name: json.loads((folder / f"{name}.json").read_text())
        for name in ("server", "executor", "worker")
    }
    pod.make_volumes(folder)
    logs = {name: (LOGS / f"{name}.log").open("wb") for name in (*containers, "job")}
    server = pod.start(containers["server"], logs["server"], [])
    await_(lambda: pod.status("/readyz") == 200, server)
    variables = environment(containers["executor"])
    head = [*pod.RAY[:-1], "--num-cpus=0", pod.RAY[-1]]
    subprocess.run([*USER, sys.executable, *head], env=variables, check=True, stdout=2)
    executor = pod.start(containers["executor"], logs["executor"], [])
    pods = [Pod(containers["worker"], number, logs["worker"]) for number in range(PODS)]
    await_(lambda: b"session 1 of" in (LOGS / "executor.log").read_bytes(), executor)
    await_(lambda: nodes() == PODS + 1, executor)
    job = begin(logs["job"])
    await_(lambda: b"begins at" in (LOGS / "job.log").read_bytes(), job)
    (ended,) = [one for one in pods if one.present()]
    time_s = ended.end(grace_s=90.0)
    code = job.wait(timeout=120)
    shown = client("show", "last", "--output", "json")
    print(json.dumps({"job": code, "hook_s": time_s, "attempts": json.loads(shown)["attempts"]}))


class Pod:
    """A worker's container of the chart, as a process with namespaces of its own."""

    def __init__(self, container: dict[str, Any], number: int, log: Any) -> None:
        self._hook = container["lifecycle"]["preStop"]["exec"]["command"]
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "f" * 64}  # KubeRay's
        self._environment = environment(container) | token | {"HOSTNAME": f"worker-{number}"}
        ray = shlex.join([sys.executable, *RAY, f"--node-ip-address=127.0.0.{number + 2}"])
        inside = [*USER, "bash", "-c", f"ulimit -n 65536; {ray}; true"]
        volumes = " && ".join(
            f"mount -t tmpfs -o mode=1777 tmpfs {place}" for place in ("/tmp", "/dev/shm", spool())
        )
        apart = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        self._outside = subprocess.Popen(
            [*apart, "bash", "-c", f"{volumes} && exec {shlex.join(inside)}"],
            env=self._environment,
            stdout=log,
            stderr=log,
            cwd="/",
        )
        await_(lambda: self._children().strip(), self._outside)

    def _children(self) -> str:
        pid = self._outside.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text()

    @property
    def first(self) -> int:
        """Process 1 of the pod, as it is called outside."""
        return int(self._children())

    def present(self) -> list[str]:
        """Processes that the pod would wait for."""
        there = Path(f"/proc/{self.first}/root{spool()}/launcher/present")
        return [entry.name for entry in there.glob("*")]

    def end(self, grace_s: float) -> float:
        """As a kubelet ends it; gives the seconds that its hook took."""
        begun = time.monotonic()
        enter = ["nsenter", f"--target={self.first}", "--mount", "--pid", *USER]
        subprocess.run(
            [*enter, *self._hook], env=self._environment, check=True, timeout=grace_s, stdout=2
        )
        took_s = time.monotonic() - begun
        assert not self.present()
        os.kill(self.first, signal.SIGTERM)  # a shell that is process 1 does not hear it
        time.sleep(2.0)
        self._outside.kill()
        self._outside.wait(timeout=30)
        return round(took_s, 1)


def nodes() -> int:
    (cluster,) = json.loads(client("top", "--output", "json"))["clusters"]
    return len(cluster["nodes"])


def spool() -> Path:
    return own("/spool")


def begin(log: Any) -> subprocess.Popen[bytes]:
    folder = Path("/tmp/job")
    folder.mkdir(mode=0o777)
    (folder / "train.py").write_text(PROGRAM)
    words = ["run", "--workers", "1", "--gpus-per-worker", "0", "--", "train.py"]
    return subprocess.Popen(
        [sys.executable, "-m", "launcher", *words],
        env=_variables(),
        cwd=folder,
        stdout=log,
        stderr=log,
    )


def client(*words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "launcher", *words],
        env=_variables(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def _variables() -> dict[str, str]:
    token = (own("/etc/launcher") / "admin/token").read_text()
    return {"LAUNCHER_SERVER": URL, "LAUNCHER_TOKEN": token, "HOME": "/tmp", "PATH": "/usr/bin"}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
