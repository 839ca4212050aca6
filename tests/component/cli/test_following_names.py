"""What `Client.follow` asks for: series by their names, whatever is in them."""

from urllib.parse import parse_qs, urlsplit

import pytest

from launcher.client import Client


@pytest.fixture
def asked(fake):
    """`asked(metrics=…)`: the query that the server gets."""
    job = fake.add_job(state="SUCCEEDED")

    def asked(**how):
        fake.follow_end(job)
        client = Client()
        list(client.follow("digits", **how))
        client.close()
        path = next(path for _, path, _ in reversed(fake.requests) if "/follow" in path)
        return parse_qs(urlsplit(path).query)

    return asked


def test_all_series_are_followed_unless_some_are_named(asked):
    assert asked() == {"logs": ["all"]}
    assert asked(metrics="loss,acc")["metrics"] == ["loss,acc"]
    assert asked(metrics="none")["metrics"] == ["none"]


def test_names_in_a_list_may_hold_anything(asked):
    query = asked(metrics=["f1, macro & micro", "loss"])
    assert query["name"] == ["f1, macro & micro", "loss"]
    assert "metrics" not in query


def test_an_empty_list_names_none(asked):
    assert asked(metrics=[])["metrics"] == ["none"]
