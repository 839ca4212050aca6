"""Programs that fork, close descriptors or fill the disk; each runs in a process of its own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any


def test_forked_children_and_their_parent_report_into_one_file(job: Any) -> None:
    job.run("""
import os
from launcher import report
report(step=0, who=0)
children = []
for child in (1, 2, 3):
    pid = os.fork()
    if pid == 0:
        for step in range(200):
            report(step=step, who=child)
        os._exit(0)
    children.append(pid)
for step in range(1, 200):
    report(step=step, who=0)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
""")
    found = Counter(record["m"]["who"] for record in job.records())
    assert found == {0.0: 200, 1.0: 200, 2.0: 200, 3.0: 200}


def test_a_forked_child_opens_the_file_anew(job: Any) -> None:
    """The number it inherited may be another file there, as after a daemon's closing of all."""
    victim = job.spool.parent / "model.bin"
    job.run(f"""
import os
from launcher import report
report(step=1, loss=1)
pid = os.fork()
if pid == 0:
    os.closerange(3, 256)
    taken = [os.open({str(victim)!r}, os.O_RDWR | os.O_CREAT) for _ in range(20)]
    report(step=2, loss=1)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
""")
    assert victim.read_bytes() == b""
    assert [record["step"] for record in job.records()] == [1, 2]


def test_a_file_of_the_user_under_our_old_number_is_not_written_into(job: Any) -> None:
    victim = job.spool.parent / "model.bin"
    job.run(f"""
import os
from launcher import report
report(step=1, loss=1)
os.closerange(3, 256)
report(step=2, loss=1)
os.closerange(3, 256)
taken = [os.open({str(victim)!r}, os.O_RDWR | os.O_CREAT) for _ in range(20)]
report(step=3, loss=1)
""")
    assert victim.read_bytes() == b""
    assert [record["step"] for record in job.records()] == [1, 2, 3]


def test_with_closed_standard_streams_prints_do_not_end_up_in_our_files(job: Any) -> None:
    job.run("""
import os
for fd in (0, 1, 2):
    os.close(fd)
from launcher import report, should_stop
should_stop()
report(step=1, loss=1, name='no number')
for fd in (0, 1, 2):
    try:
        os.write(fd, b'some output of the program')
    except OSError:
        continue
report(step=2, loss=1)
should_stop()
os._exit(0)  # the interpreter's own exit complains that stdout is gone
""")
    assert [record["step"] for record in job.records()] == [1, 2]
    stop = Path(f"{job.spool}.stop").read_bytes()
    assert stop == (2).to_bytes(8, "little") + bytes(24)


def test_a_full_disk_costs_reports_and_nothing_else(job: Any) -> None:
    """A file size limit stands for the full disk: both end in a short write and then an error."""
    done = job.run("""
import resource
from launcher import report
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
for step in range(100):
    report(step=step, loss=0.5)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
report(step=100, loss=0.5)
report(step=101, loss=0.5)
""")
    lines = job.spool.read_bytes().splitlines()
    torn = [line for line in lines if not line.endswith(b"}}")]
    steps = [json.loads(line)["step"] for line in lines if line not in torn]
    assert len(torn) <= 1  # none where the limit falls between two lines
    assert steps[-2:] == [100, 101]
    assert steps[:-2] == list(range(len(steps) - 2))
    assert len(steps) > 10
    assert done.stderr.count("a report was lost") == 1
