"""Takes the pictures of docs/img: every page, of a server on which real jobs run.

python tests/browser/pictures.py docs/img
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from chromium import chromium, chromium_path
from playwright.sync_api import Browser, Page

from launcher.client import Client
from launcher.server.process import SERVER, read_record
from launcher.spec.judge import spec_from_data

MACHINE = {"LAUNCHER_LOCAL_CPUS": "16", "LAUNCHER_LOCAL_GPUS": "8", "RAY_USAGE_STATS_ENABLED": "0"}
"""What the embedded cluster says it has."""
PROGRAM = """
import math, os, random, time
import launcher
import torch.distributed as dist

dist.init_process_group("gloo")
random.seed(launcher.rank())
begun = launcher.resume_from()
first = int(begun.name.split("-")[-1]) + 1 if begun else 0
rate, steps = float(os.environ.get("RATE", "1")), int(os.environ.get("STEPS", "1200"))
for step in range(first, steps):
    loss = 0.3 + 2 * math.exp(-rate * step / 200) + random.gauss(0, 0.04)
    values = {"loss": loss, "accuracy": 1 - loss / 3, "lr": 0.1 * 0.999**step}
    launcher.report(step=step, total_steps=steps, **values)
    if step % 20 == 0:
        print(f"step {step}: loss {loss:.4f}", flush=True)
    if step % 300 == 299:
        with launcher.checkpoint(step, {"loss": loss}) as folder:
            if launcher.rank() == 0:
                (folder / "weights.bin").write_bytes(random.randbytes(200_000))
    if step == 450 and os.environ.get("FAILS") and launcher.rank() == 1:
        if os.environ["LAUNCHER_ATTEMPT"] == "1":
            raise FloatingPointError("gradient of layer 7 is not finite")
    time.sleep(0.02)
dist.barrier()
dist.destroy_process_group()
if launcher.rank() == 0:
    import matplotlib.pyplot as plt
    plt.plot([math.exp(-x / 20) for x in range(100)])
    plt.savefig("loss.png")
"""


def main() -> None:
    folder = Path(sys.argv[1])
    path = chromium_path() or sys.exit("no Chromium: name one in CHROMIUM")
    folder.mkdir(parents=True, exist_ok=True)
    with own_server() as client, chromium(path) as browser:
        shown, other = fill(client)
        for name, address in pages(shown, other).items():
            for scheme in ("light", "dark"):
                with reader(browser, client, address, scheme=scheme) as page:
                    page.screenshot(path=folder / f"{name}-{scheme}.png")
            with reader(browser, client, address, scheme="light", width=390) as page:
                page.screenshot(path=folder / f"{name}-phone.png")
            print(name)


def pages(shown: str, other: str) -> dict[str, str]:
    return {
        "jobs": "/",
        "job": f"/jobs/{shown}",
        "cluster": "/cluster",
        "compare": f"/compare?jobs={shown},{other}",
    }


@contextmanager
def own_server() -> Iterator[Client]:
    """An embedded server and its cluster, ended afterwards."""
    state_dir = Path(tempfile.mkdtemp(prefix="launcher-pictures-"))
    environment = os.environ | MACHINE | {"LAUNCHER_STATE_DIR": str(state_dir)}

    def launcher(*words: str) -> None:
        subprocess.run([sys.executable, "-m", "launcher", *words], env=environment, check=True)

    try:
        launcher("up")
        record = read_record(state_dir / SERVER)
        assert record is not None
        token = (state_dir / "token").read_text().strip()
        with closing(Client(record["url"], token)) as client:
            yield client
    finally:
        launcher("down", "--purge", "--yes")
        shutil.rmtree(state_dir, ignore_errors=True)


def fill(client: Client) -> tuple[str, str]:
    """Jobs of every state; gives two that have much to show."""
    workdir = Path(tempfile.mkdtemp(prefix="launcher-pictures-"))
    (workdir / "train.py").write_text(textwrap.dedent(PROGRAM))

    def submit(name: str, *, gpus: int = 1, **keys: object) -> str:
        spec = {
            "name": name,
            "framework": "pytorch",
            "entrypoint": "train.py",
            "workdir": str(workdir),
            "python": {"interpreter": sys.executable},
            "resources": {"workers": 2, "gpus_per_worker": gpus, "cpus_per_worker": 1},
            "outputs": ["*.png"],
            **keys,
        }
        return client.submit(spec_from_data(spec), python=sys.executable).job.id

    short = {"STEPS": "500"}
    ended = [
        submit("resnet-warmup", env=short),
        submit("diverges", env={"FAILS": "1"}),
        submit("resnet-small", env=short | {"RATE": "2"}),
    ]
    wait(lambda: all(client.job(job).is_over for job in ended))
    shown = submit("resnet-50", env={"FAILS": "1", "STEPS": "6000"}, retries={"max": 1})
    other = submit("resnet-50-fast", env={"STEPS": "6000", "RATE": "1.6"}, priority=60)
    submit("speech-large", gpus=4, priority=70)
    submit("bert-large", gpus=2, preemptible=True)
    wait(lambda: len(client.checkpoints(shown)) > 1 and len(client.job(shown).attempts) > 1)
    return shown, other


def wait(holds: object) -> None:
    while not holds():  # type: ignore[operator]
        time.sleep(0.5)


@contextmanager
def reader(
    browser: Browser, client: Client, path: str, *, scheme: str, width: int = 1280
) -> Iterator[Page]:
    size = {"width": width, "height": 900 if width > 600 else 844}
    context = browser.new_context(
        viewport=size,
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    opened = client.page_that_acts()
    page.goto(f"{opened.partition('&to=')[0]}&to={path.replace('?', '%3F')}")
    page.wait_for_url(lambda url: "/open?" not in url)
    page.wait_for_timeout(2500)  # charts draw, the first news comes
    yield page
    context.close()


if __name__ == "__main__":
    main()
