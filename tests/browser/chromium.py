"""A real browser without a window, and a page of it that remembers whatever went wrong."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# It asks nobody on the internet, wherever it runs.
_QUIET = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_AS_ROOT = ("--no-sandbox",)
PATIENCE_MS = 30_000


def chromium_path() -> str | None:
    """Of the machine's own browser; CHROMIUM names another one."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    flags = [*_QUIET, *(_AS_ROOT if os.geteuid() == 0 else ())]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """What no page may do: say something in the console, throw, or ask another origin."""

    origin: str
    problems: list[str] = field(default_factory=list)
    expected: list[re.Pattern[str]] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(f"thrown: {error}"))
        page.on("request", self._asked)

    def expect(self, pattern: str) -> None:
        """What the test itself brings about, as the words of a lost connection."""
        self.expected.append(re.compile(pattern))

    def unexpected(self) -> list[str]:
        return [
            problem
            for problem in self.problems
            if not any(pattern.search(problem) for pattern in self.expected)
        ]

    def _said(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        self.problems.append(f"console {message.type}: {message.text} ({where})")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        is_own = f"{address.scheme}://{address.netloc}" == self.origin
        if not is_own and address.scheme not in {"data", "blob"}:
            self.problems.append(f"another origin: {request.url}")
