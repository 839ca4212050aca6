"""How soon a reader sees the page of a job in Chromium: first paint, first chart, the log's end.

The server and the browser are on this machine; each visit is by a reader of their own, whose
browser has the page's scripts and styles from one visit before. The job has 200 series of 10,000
points, and a log of a million lines.
"""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import closing
from pathlib import Path

from apart import Apart, Caller, server_apart
from measuring import Section, rounds_parser, say, spread
from playwright.sync_api import Browser, sync_playwright
from reporters import report_lines

from launcher.server.control import new_job
from launcher.spec.judge import spec_from_data
from launcher.store import Store, jobs, open_store

SERIES, POINTS, LINES = 200, 10_000, 1_000_000
_FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-sandbox",
)  # fmt: skip
_SEEN = """() => ({
  paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
  answer: performance.getEntriesByType("navigation")[0].responseEnd,
  drawn: performance.now(),
})"""


def main() -> None:
    args = rounds_parser(__doc__).parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if chromium is None:
        sys.exit("no Chromium: install Debian's chromium")
    section = Section("First paint of a job's page", rounds=args.rounds)
    names: list[str] = []

    def fill(folder: Path) -> None:
        say(f"{SERIES} series, {LINES:,} lines")
        with closing(open_store(folder)) as store:
            names.append(_fill(store))

    rows: dict[str, list[float]] = {}
    with server_apart(fill) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        for number in range(args.rounds + 1):
            found = _visit(browser, server, names[0])
            for words, value in found.items() if number else ():  # the first one warms up
                rows.setdefault(words, []).append(value)
        browser.close()
    section.table(["", "time"], [[words, spread(found, "ms")] for words, found in rows.items()])
    section.note("Goal: first paint within 1 s on loopback.")
    section.print()


def _visit(browser: Browser, server: Apart, job: str) -> dict[str, float]:
    caller = Caller(server)
    opened = caller.ask("POST", "/page-codes", {"job": job, "user": "bench"})["path"]
    caller.close()
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"http://{server.address}{opened}")
    page.wait_for_url("**/jobs/**")
    page.goto(f"http://{server.address}/jobs/{job}")
    page.wait_for_selector("figure[data-drawn]")
    drawn = page.evaluate(_SEEN)
    page.wait_for_selector("#log-lines .log-row", state="attached")
    end = page.evaluate("performance.now()")
    context.close()
    return {
        "the page's answer": drawn["answer"],
        "first contentful paint": drawn["paint"],
        "first chart drawn": drawn["drawn"],
        "end of the log there": end,
    }


def _fill(store: Store) -> str:
    spec = spec_from_data(
        {"name": "long", "framework": "command", "entrypoint": ["true"], "workdir": "/tmp"}
    )
    job = new_job(spec, code="", user="ada", python="", now=time.time())
    with store.begin() as tx:
        jobs.insert(tx, job, None)
        offset = 0
        for first in range(0, LINES, 50_000):
            lines = (
                f"step {step} loss {1 / (step + 1):.6f}" for step in range(first, first + 50_000)
            )
            text = "".join(f"{line}\n" for line in lines).encode()
            offset = store.logs.append(tx, job.id, 1, 0, "log", offset, text)
    data = report_lines(0, POINTS, [f"layer{number}/norm" for number in range(SERIES)])
    store.metrics.append(job.id, 1, 0, 0, data)
    return job.id


if __name__ == "__main__":
    main()
