"""What goes compressed, and what goes as it comes."""

import gzip

import pytest
from players import API, TOKEN, bearer

from launcher.server.routes.pages.assets import address_of

GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture
def asset():
    return address_of("vendor/htmx.min.js")


def test_a_script_is_the_same_compressed_and_not(server, asset):
    plain = server.browser.ask("GET", asset)
    packed = server.browser.ask("GET", asset, headers=GZIP)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-length"] == str(len(packed.body))
    assert "Accept-Encoding" in packed.headers["vary"]
    assert len(packed.body) < len(plain.body) / 2
    assert gzip.decompress(packed.body) == plain.body


@pytest.mark.parametrize("wanted", ["", "identity", "br", "gzip;q=0"])
def test_who_does_not_take_it_gets_it_plain(server, asset, wanted):
    reply = server.browser.ask("GET", asset, headers={"Accept-Encoding": wanted})
    assert "content-encoding" not in reply.headers


def test_what_is_small_is_left_alone(server):
    reply = server.browser.ask("GET", f"{API}/healthz", headers=GZIP)
    assert "content-encoding" not in reply.headers
    assert reply.json()["ok"]


def test_a_stream_goes_as_it_comes(server):
    job = server.new_job()
    address = f"{API}/jobs/{job}/follow"
    with server.browser.open("GET", address, headers=GZIP | bearer(TOKEN)) as stream:
        headers = dict(stream.get()["headers"])
        assert b"content-encoding" not in headers
        assert next(iter(stream.blocks())).startswith(b"id: ")
