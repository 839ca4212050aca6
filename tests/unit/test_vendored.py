"""What others wrote and the pages bring along is what its README says."""

import hashlib
import re
from pathlib import Path

import launcher

ASSETS = Path(launcher.__file__).parent / "server" / "assets"
VENDOR = ASSETS / "vendor"
ROW = re.compile(
    r"^\| (?P<file>\S+) \| \S+ \| \d[\d.]+ \| .+ \| (?P<sum>[0-9a-f]{64}) \|$", re.MULTILINE
)


def test_every_file_is_the_one_that_was_taken_unchanged():
    told = {row["file"]: row["sum"] for row in ROW.finditer((VENDOR / "README.md").read_text())}
    there = {path.name for path in VENDOR.iterdir()} - {"README.md"}
    licences = {name for name in there if name.endswith("-LICENSE.txt")}
    assert set(told) == there - licences
    for name, digest in told.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest


def test_nothing_of_ours_asks_another_origin_or_needs_what_the_policy_refuses():
    own = [path for folder in ("js", "css") for path in (ASSETS / folder).iterdir()]
    assert own
    for path in own:
        text = path.read_text()
        assert not re.search(r"https?://", text), path
        assert not re.search(r"\beval\(|new Function|innerHTML\s*=|setAttribute\(.style", text), (
            path
        )


def test_every_module_imports_what_there_is():
    for path in (ASSETS / "js").glob("*.js"):
        for name in re.findall(r'^import .* from "(.+)";$', path.read_text(), re.MULTILINE):
            assert (path.parent / name).is_file(), f"{path.name} imports {name}"
