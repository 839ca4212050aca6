"""Every key that a page hears is in the list that `?` shows."""

import re
from pathlib import Path

import launcher.server

HERE = Path(launcher.server.__file__).parent
NAMES = {"ArrowRight": "→", "ArrowLeft": "←", "Escape": "Esc"}


def test_keys_of_scripts_are_listed_on_their_pages():
    scripts = "".join(file.read_text() for file in (HERE / "assets" / "js").glob("*.js"))
    heard = set(re.findall(r'onKey\("(\w+)"', scripts))
    pages = "".join(file.read_text() for file in (HERE / "templates").glob("*.html"))
    listed = set(re.findall(r"<kbd[^>]*>([^<]+)</kbd>", pages))
    assert len(heard) >= 7
    assert {NAMES.get(key, key) for key in heard} <= listed
