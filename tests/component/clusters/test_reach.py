"""Which addresses of a server the nodes can reach: this machine's own are looked up."""

import pytest

from launcher.clusters import _attaching
from launcher.errors import SpecError


def test_a_loopback_address_is_refused_for_nodes_that_are_elsewhere():
    with pytest.raises(SpecError) as caught:
        _attaching.check_reach("http://127.0.0.1:15000", "http://192.0.2.7:8265")
    assert "--with-server" in caught.value.hint
    _attaching.check_reach("http://127.0.0.1:15000", "http://127.0.0.1:8265")
    _attaching.check_reach("http://192.0.2.9:15000", "http://192.0.2.7:8265")
