import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.model.sample import Sample, line_of, sample_of

names = st.from_regex(r"[a-z][a-z0-9]{0,15}/[a-z][a-z0-9_]{0,31}", fullmatch=True)
values = st.dictionaries(names, st.floats(allow_nan=False, allow_infinity=False), max_size=8)
ranks = st.dictionaries(st.integers(0, 2**31 - 1), values, max_size=4)


@given(st.integers(0, 2**40), st.integers(0, 5000), values, ranks)
def test_a_sample_comes_back_from_its_line(time, node, of_node, of_ranks):
    sample = Sample(float(time), node, of_node, of_ranks)
    line = line_of(sample)
    assert line.count(b"\n") == 1
    assert sample_of(line) == sample


@given(st.binary(max_size=200))
def test_no_bytes_are_more_than_no_sample(line):
    assert sample_of(line) is None or line.startswith(b"{")


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_no_value_of_a_field_is_more_than_no_sample(value):
    for key in ("t", "node", "v", "r"):
        told = {"k": "s", "t": 1.0, "node": 0, "v": {}, "r": {}, key: value}
        sample = sample_of(json.dumps(told).encode())
        assert sample is None or math.isfinite(sample.time)


@pytest.mark.parametrize(
    "name",
    ["loss", "<script>", "node/cpu\n", "../x", "node/cpu/deep", "Node/CPU", "node/" + 40 * "a"],
)
def test_a_name_that_agents_do_not_give_is_left_out(name):
    line = json.dumps({"k": "s", "t": 1, "node": 0, "v": {name: 1.0, "node/cpu": 2}, "r": {}})
    sample = sample_of(line.encode())
    assert sample is not None
    assert sample.values == {"node/cpu": 2.0}


@pytest.mark.parametrize("value", [math.nan, math.inf, True, "1", None, 10**400])
def test_a_value_that_is_no_finite_number_is_left_out(value):
    line = json.dumps({"k": "s", "t": 1, "node": 0, "v": {"node/cpu": value}, "r": {}})
    sample = sample_of(line.encode())
    assert sample is not None
    assert sample.values == {}


def test_a_line_that_tells_thousands_of_values_is_none():
    line = json.dumps(
        {"k": "s", "t": 1, "node": 0, "v": {f"gpu{i}/power": 1 for i in range(5000)}, "r": {}}
    )
    assert sample_of(line.encode()) is None


def test_what_is_the_nodes_has_the_nodes_number_for_a_rank():
    sample = Sample(1.0, 2, {"node/cpu": 5.0}, {16: {"rank/cpu": 50.0}})
    assert list(sample.series()) == [(2, "node/cpu", 5.0), (16, "rank/cpu", 50.0)]
