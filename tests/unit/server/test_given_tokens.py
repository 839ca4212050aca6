"""Tokens that a server is given as files open one thing each."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.errors import SpecError
from launcher.server.given_tokens import executor_tokens

_TOKEN = "0123456789abcdef"


def _file(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(f"{text}\n")
    return f"{name}={path}"


def test_each_cluster_has_a_token_of_its_own(tmp_path: Path) -> None:
    given = [_file(tmp_path, "gpu", _TOKEN), _file(tmp_path, "lab", _TOKEN + "1")]
    assert executor_tokens(given, _TOKEN + "2") == {"gpu": _TOKEN, "lab": _TOKEN + "1"}


def test_the_same_token_for_two_clusters_is_refused(tmp_path: Path) -> None:
    given = [_file(tmp_path, "gpu", _TOKEN), _file(tmp_path, "lab", _TOKEN)]
    with pytest.raises(SpecError, match="the token of cluster 'lab' is that of cluster 'gpu', too"):
        executor_tokens(given)


def test_a_token_that_opens_the_whole_server_is_no_executors(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="'gpu' is that of --admin-token-file, too") as refused:
        executor_tokens([_file(tmp_path, "gpu", _TOKEN)], _TOKEN)
    assert _TOKEN not in str(refused.value)
