"""Retention, and paths that could leave the folder they are unpacked into."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.model.checkpoint import FileEntry, Manifest, to_prune, unsafe_path

committed = st.lists(st.integers(1, 99), unique=True).map(lambda ids: [(i, i * 10) for i in ids])


def test_the_newest_are_kept():
    assert to_prune([(1, 10), (2, 20), (3, 5)], keep_last=2) == [1]


@given(committed, st.integers(-1, 5))
def test_the_last_one_is_never_given_up(stored, keep_last):
    pruned = to_prune(stored, keep_last)
    kept = {identity for identity, _ in stored} - set(pruned)
    assert len(kept) == min(len(stored), max(keep_last, 1))
    assert all(old < new for old in pruned for new in kept)


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a/..", "a\0b"])
def test_a_path_that_leads_out_is_unsafe(path):
    assert unsafe_path(path)


@pytest.mark.parametrize("path", ["a", "a/b.pt", "..a/b", "a/.hidden", "a b"])
def test_a_path_that_stays_inside_is_safe(path):
    assert not unsafe_path(path)


def test_a_manifest_knows_its_size():
    files = (FileEntry("a", 3, ""), FileEntry("b", 4, ""))
    assert Manifest(1, 2, files).size == 7
