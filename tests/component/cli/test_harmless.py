"""What programs named does not command the terminal of whoever lists it."""


def test_a_file_whose_name_sets_the_title_is_listed_without_it(cli, fake):
    fake.add_job(outputs={"files": 1, "size": 1})
    output = {"rank": 0, "attempt": 1, "size": 1, "sha256": "0" * 64, "mode": 420}
    fake.outputs.append(output | {"path": "\x1b]0;yours\x07plot.png", "collected_at": 1.0})
    _, out, _ = cli("outputs", "digits")
    assert out.splitlines()[1].split() == ["1", "B", "0", "1", "plot.png"]
