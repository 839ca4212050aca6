"""docs/notebook.ipynb, run against a server elsewhere, by its address and token."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from stack import Stack

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
LIMIT_S = 60


def run(folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """The notebook with its outputs. By nbclient in a process of its own, as `jupyter execute`."""
    done = folder / "done.ipynb"
    command = [sys.executable, "-c", "from nbclient.cli import main; main()"]
    arguments = [f"--timeout={LIMIT_S}", f"--output={done}", str(folder / NOTEBOOK.name)]
    (folder / NOTEBOOK.name).write_bytes(NOTEBOOK.read_bytes())
    told = subprocess.run(
        [*command, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=2 * LIMIT_S,
        check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.read_text())
    return found


def shown(cell: dict[str, Any]) -> str:
    """All that a cell shows, as a page would."""
    found = []
    for output in cell["outputs"]:
        data = output.get("data", {})
        found += output.get("text", []) + data.get("text/html", data.get("text/plain", []))
    return "".join(found)


def test_the_notebook_of_the_docs_runs_from_submit_to_compare(stack: Stack, tmp_path: Path) -> None:
    token = (stack.state_dir / "token").read_text().strip()
    home = {name: str(tmp_path / "home") for name in ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR")}
    book = run(
        tmp_path,
        os.environ | home | {"LAUNCHER_SERVER": stack.url, "LAUNCHER_TOKEN": token},
    )
    cells = [shown(cell) for cell in book["cells"] if cell["cell_type"] == "code"]
    everything = "\n".join(cells)
    assert "<script" not in everything
    jobs = set(re.findall(r"\b(?:slow|fast)-[a-z0-9]{6}\b", everything))
    assert len(jobs) == 2
    assert {stack.client.job(job).state for job in jobs} == {"SUCCEEDED"}
    assert "cluster test" in cells[0]
    assert "step 200: at" in everything
    assert everything.count("<polyline") >= 3  # a curve of one job, and those of both
    assert "200.000000" in everything  # points, as pandas counts them
    assert '200 {"at": ' in everything  # the newest checkpoint, brought here


def test_the_notebook_is_kept_without_what_it_showed() -> None:
    book = json.loads(NOTEBOOK.read_text())
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
