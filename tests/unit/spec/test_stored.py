"""Specs that a server of another release shows."""

from launcher.spec.judge import spec_from_data
from launcher.spec.stored import from_server

SPEC = {
    "entrypoint": "train.py",
    "env": {"later": "a key of the user's own"},
    "resources": {"workers": 2},
    "retries": {"max": 3},
}


def test_what_a_newer_server_says_of_a_job_is_left_out():
    shown = spec_from_data(SPEC).model_dump(mode="json")
    shown |= {"later": {"a": 1}}
    shown["resources"]["later"] = None
    shown["retries"]["later"] = "x"
    assert from_server(shown) == spec_from_data(SPEC)


def test_what_an_older_server_does_not_say_is_a_default():
    shown = spec_from_data(SPEC).model_dump(mode="json", exclude_defaults=True)
    assert from_server(shown) == spec_from_data(SPEC)
