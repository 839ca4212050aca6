"""On which address this user's own server listens."""

from launcher.server.process import choose_listening, listens_on


def test_only_this_machine_reaches_it_until_somebody_says_otherwise(tmp_path):
    folder = tmp_path / "state"
    assert listens_on(folder) == "127.0.0.1"
    choose_listening(folder, "0.0.0.0")
    assert listens_on(folder) == "0.0.0.0"
    choose_listening(folder, "")
    assert listens_on(folder) == "127.0.0.1"
