"""What is parsed many lines at once is what each line says alone."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from launcher.store import spooled
from launcher.store.spooled import SpoolState, Stretch, read_stretch

NUMBER = st.floats() | st.integers() | st.just(10**400) | st.booleans() | st.none()
REPORT = st.fixed_dictionaries(
    {"t": st.floats() | st.integers(), "k": st.sampled_from(["m", "m", "m", "c", "x"])},
    optional={
        "step": st.integers(0, 50) | st.sampled_from([2**63, -(2**63), None, True, "1"]),
        "m": st.dictionaries(st.sampled_from(["loss", "a\x1b[b", "x" * 300]), NUMBER),
        "n": st.integers(-1, 99) | st.sampled_from([2**63, None, "9"]),
    },
)
LINE = REPORT.map(lambda record: json.dumps(record).encode()) | st.sampled_from(
    [
        b"",
        b"  ",
        b"torn",
        b'{"k":"m","step":1',
        b'"m":{}}',
        b'{"k":"m"},{"k":"m"}',
        b'{"a":[{}',
        b"{}]}",
        b"[]",
        b"{}",
        b"7",
        b'{"k":"m","t":1.0,"step":1,"m":{"a":"[1]"}}',
    ]
)


def one_by_one(data: bytes) -> Stretch:
    state = SpoolState()
    whole = Stretch(state)
    for line in data.split(b"\n")[:-1]:
        if line and not line.isspace():
            spooled._take(whole, line, lambda: None)
    return whole


@given(lines=st.lists(LINE, max_size=12))
def test_lines_parsed_together_say_what_each_says(lines: list[bytes]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    together, alone = read_stretch(data, SpoolState()), one_by_one(data)
    assert repr(replace(together.state, length=0)) == repr(alone.state)  # repr: NaN is itself
    assert repr(together.series) == repr(alone.series)
    assert together.state.length == len(data)
