"""The values that ranks of a Horovod gang leave for each other; over HTTP in tests/integration."""

import threading

import pytest

from launcher.executor import rendezvous
from launcher.executor.rendezvous import Rendezvous, Store


def waiting(store, path, patience_s=60.0):
    """A thread that waits for a value, and what it found."""
    found = []
    thread = threading.Thread(target=lambda: found.append(store.get(path, patience_s)))
    thread.start()
    return thread, found


def test_a_value_is_there_until_it_is_deleted():
    store = Store()
    store.put("/global/0", b"first")
    store.put("/global/0", b"second")
    assert store.get("/global/0", 0.0) == b"second"
    store.delete("/global/0")
    store.delete("/global/0")
    assert store.get("/global/0", 0.0) is None


def test_who_waits_for_a_value_has_it_at_once():
    store = Store()
    waiters = [waiting(store, "/global/1") for _ in range(3)]
    store.put("/global/0", b"another")
    store.put("/global/1", b"address")
    for thread, found in waiters:
        thread.join()
        assert found == [b"address"]


def test_nobody_waits_in_a_store_that_is_closed():
    store = Store()
    thread, found = waiting(store, "/global/1")
    store.close()
    thread.join()
    assert found == [None]
    assert store.get("/global/2", 60.0) is None


def test_a_store_takes_no_more_than_a_gang_needs(monkeypatch):
    monkeypatch.setattr(rendezvous, "LARGEST_STORE", 10)
    store = Store()
    assert store.put("/a/0", b"12345678")
    assert not store.put("/a/1", b"123")
    assert store.put("/a/0", b"1234567890")  # in place of its own
    store.delete("/a/0")
    assert store.put("/a/1", b"1234567890")


def test_a_rank_has_come_when_it_left_something():
    store = Store()
    store.get("/global/0", 0.0)
    assert not store.was_used
    store.put("/global/0", b"")
    store.delete("/global/0")
    assert store.was_used


def test_a_node_with_an_ipv6_address_is_told_what_horovod_cannot():
    with pytest.raises(OSError, match="cannot meet over IPv6, and the address of this node is fe8"):
        Rendezvous("fe80::1", 1)
