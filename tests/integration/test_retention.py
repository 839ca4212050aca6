"""Long logs are kept short while a program prints, and what is old goes; through the real path."""

from __future__ import annotations

from stack import Stack

PRINTS = """
import launcher
for number in range(40_000):
    print(f"line {number:06d}", "x" * 100)
launcher.report(1, loss=0.5)
with launcher.checkpoint(1) as draft:
    (draft / "weights").write_text("1")
"""


def test_a_long_log_keeps_both_ends_and_goes_when_its_time_has_come(stack: Stack) -> None:
    client = stack.client
    client.set_retention({"log-size": 256 * 1024}, project="talker")
    try:
        job = stack.run(PRINTS, workers=1, project="talker")
        assert job.state == "SUCCEEDED"
        lines = stack.log(job.id).decode().splitlines()
        (told,) = [line for line in lines if not line.startswith("line ")]
        assert "of each rank's output the server keeps 256 KiB" in told
        assert lines[0].startswith("line 000000")
        assert lines[-1].startswith("line 039999")
        assert 2000 < len(lines) < 3000
        (stream,) = client.log_streams(job.id)
        assert stream.length == 40_000 * 113
        client.set_retention({"logs": 0, "metrics": 0, "checkpoints": 0}, project="talker")
        gone = [one for one in client.apply_retention() if one.job == job.id]
        assert {one.kind for one in gone} == {"logs", "metrics"}
    finally:
        kinds = ["log-size", "logs", "metrics", "checkpoints"]
        client.set_retention({}, project="talker", default=kinds)
    assert client.log_streams(job.id) == []
    assert {one.kind for one in client.job(job.id).expired} == {"logs", "metrics"}
    assert len(client.checkpoints(job.id)) == 1
