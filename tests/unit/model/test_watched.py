"""Watched files of several nodes as one checkpoint: whose a file is, and where it is put back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.model.checkpoint import FileEntry, KeepBest, Manifest, Watched, best
from launcher.model.watched import (
    adds_nothing,
    is_repeated,
    merge,
    of_node,
    owner_of,
    stored_path,
    to_put_back,
    without_others,
)


def part(node, files, *, number=1, attempt=1, step=10, per_node=False, **metrics):
    """What a node sends: `files` by their path in its workdir, and their contents."""
    entries = tuple(
        FileEntry(stored_path(path, node, per_node=per_node), len(content), content)
        for path, content in files.items()
    )
    return Manifest(attempt, step, entries, metrics, watched=Watched(node, number, per_node))


def contents(manifest):
    return {entry.path: entry.sha256 for entry in manifest.files}


def test_one_nodes_files_are_the_whole():
    whole = merge(None, part(0, {"a.pt": "A", "b/c.pt": "C"}), 2)
    assert contents(whole) == {"a.pt": "A", "b/c.pt": "C"}
    assert (whole.watched.owners, whole.watched.taken) == ({}, {"0": 1})


def test_a_node_brings_what_the_others_lack():
    whole = merge(merge(None, part(0, {"a": "A"}), 2), part(1, {"b": "B"}), 2)
    assert contents(whole) == {"a": "A", "b": "B"}
    assert whole.watched.owners == {"b": 1}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_one_path_the_lowest_nodes_file_counts_whoever_was_faster(order):
    whole = None
    for node in order:
        whole = merge(whole, part(node, {"a": f"of {node}"}), 2)
    assert contents(whole) == {"a": "of 0"}


def test_a_file_that_its_node_has_no_more_is_gone():
    whole = merge(None, part(0, {"checkpoint-1/a": "1", "checkpoint-2/a": "2"}), 1)
    whole = merge(whole, part(0, {"checkpoint-2/a": "2", "checkpoint-3/a": "3"}, number=2), 1)
    assert sorted(contents(whole)) == ["checkpoint-2/a", "checkpoint-3/a"]


def test_another_nodes_files_stay_when_a_node_sends_its_own_anew():
    whole = merge(merge(None, part(0, {"a": "1"}), 2), part(1, {"b": "1"}), 2)
    whole = merge(whole, part(0, {"a": "2"}, number=2, step=20), 2)
    assert contents(whole) == {"a": "2", "b": "1"}
    assert whole.step == 20


def test_a_later_attempt_goes_on_from_what_was_committed():
    whole = merge(merge(None, part(0, {"a": "1"}), 2), part(1, {"b": "1"}), 2)
    later = merge(whole, part(1, {"b": "2"}, attempt=2, step=5), 2)
    assert contents(later) == {"a": "1", "b": "2"}
    assert (later.attempt, later.step, later.watched.taken) == (2, 5, {"1": 1})


def test_on_fewer_nodes_the_first_takes_over_what_was_of_those_that_are_gone():
    whole = merge(merge(None, part(0, {"a": "1"}), 2), part(1, {"b": "1"}), 2)
    assert [owner_of(whole, "b", nodes) for nodes in (2, 1)] == [1, 0]
    later = merge(whole, part(0, {"a": "2", "b": "2"}, attempt=2), 1)
    assert contents(later) == {"a": "2", "b": "2"}
    assert later.watched.owners == {}


def test_nodes_with_files_of_their_own_do_not_meet():
    first = part(0, {"a": "of 0", "/mnt/x": "X"}, per_node=True)
    whole = merge(merge(None, first, 2), part(1, {"a": "of 1"}, per_node=True), 2)
    assert contents(of_node(whole, 0)) == {"a": "of 0", "_outside/mnt/x": "X"}
    assert contents(of_node(whole, 1)) == {"a": "of 1"}
    assert contents(of_node(whole, 2)) == {}
    assert contents(merge(whole, part(0, {"a": "new"}, number=2, per_node=True), 1)) == {
        "node-0/a": "new"
    }


def test_a_checkpoint_that_is_not_of_watched_files_is_everybodys():
    saved = Manifest(1, 2, (FileEntry("node-1/a", 1, "A"),))
    assert of_node(saved, 0) == saved
    assert owner_of(saved, "node-1/a", 2) is None


def test_what_lies_outside_and_what_is_not_watched_is_not_put_back():
    whole = merge(None, part(0, {"out/a.pt": "A", "/mnt/b.pt": "B", "train.py": "C"}), 1)
    put = [entry.path for entry in to_put_back(whole, ["out", "/mnt/*.pt", "*.pt"])]
    assert put == ["out/a.pt"]


def test_a_part_that_came_before_is_known_again():
    whole = merge(None, part(0, {"a": "1"}, number=2), 2)
    assert is_repeated(whole, part(0, {"a": "1"}, number=2))
    assert is_repeated(whole, part(0, {"a": "0"}, number=1))
    assert not is_repeated(whole, part(0, {"a": "2"}, number=3))
    assert not is_repeated(whole, part(1, {"a": "2"}, number=1))
    assert not is_repeated(whole, part(0, {"a": "2"}, number=1, attempt=2))
    assert not is_repeated(None, part(0, {"a": "1"}))


def test_a_part_of_which_a_lower_node_has_everything_adds_nothing():
    whole = merge(None, part(0, {"a": "of 0"}), 2)
    theirs = part(1, {"a": "of 1"}, step=11)
    assert without_others(theirs, whole).files == ()
    assert adds_nothing(whole, merge(whole, theirs, 2))
    assert not adds_nothing(None, merge(None, theirs, 2))


def test_the_same_files_at_a_later_step_are_a_checkpoint():
    whole = merge(None, part(0, {"a": "same"}), 1)
    assert not adds_nothing(whole, merge(whole, part(0, {"a": "same"}, number=2, step=11), 1))
    assert adds_nothing(whole, merge(whole, part(0, {"a": "same"}, number=2), 1))


PATHS = st.sampled_from(["a", "b", "c/d", "/mnt/e"])
FILES = st.dictionaries(PATHS, st.sampled_from(["1", "2", "3"]), max_size=3)


@given(st.lists(st.tuples(st.integers(0, 2), FILES), max_size=12))
def test_the_whole_is_the_newest_state_of_every_node_and_the_lowest_owns_a_path(parts):
    whole, newest, numbers, ever = None, {}, {}, []
    for node, files in parts:
        numbers[node] = numbers.get(node, 0) + 1
        whole = merge(whole, part(node, files, number=numbers[node]), 3)
        assert is_repeated(whole, part(node, files, number=numbers[node]))
        newest[node] = files
        ever += [(node, path) for path in files]
        for entry in whole.files:
            owner = whole.watched.owners.get(entry.path, 0)
            holders = {
                n: {stored_path(p, n, per_node=False): c for p, c in held.items()}
                for n, held in newest.items()
            }
            assert holders[owner][entry.path] == entry.sha256
    for node, files in newest.items():
        lower = {path for other, path in ever if other < node}
        for path in set(files) - lower:
            stored = stored_path(path, node, per_node=False)
            owner = whole.watched.owners.get(stored, 0)
            assert stored in contents(whole)
            assert owner <= node


@pytest.mark.parametrize(("mode", "expected"), [("min", [4, 2]), ("max", [3, 1])])
def test_the_best_are_those_with_the_lowest_or_highest_figure(mode, expected):
    committed = [
        (1, {"loss": 0.5}), (2, {"loss": 0.5}), (3, {"loss": 0.9}), (4, {"loss": 0.1}),
        (5, {"loss": float("nan")}), (6, {}),
    ]  # fmt: skip
    if mode == "min":
        committed[0] = (1, {"loss": 0.6})
    assert best(committed, KeepBest("loss", mode, 2)) == expected


def test_of_equal_ones_the_earlier_is_the_better():
    assert best([(2, {"x": 1.0}), (1, {"x": 1.0})], KeepBest("x", "max")) == [1]
