"""What is told of a rank's log is its last words, not the stack behind them."""

from __future__ import annotations

from launcher.executor.folders import JobFolder
from launcher.executor.ranks import TAIL_BYTES, TAIL_LINES, log_tail
from launcher.executor.redacting import Redactor

FRAME = "    @     0x7feb16e40634  absl::lts_20260107::log_internal::LogMessage::SendToLog()"


def tail_of(folder: JobFolder, text: str) -> str:
    log = folder.log(1, 0)
    log.write_text(text)
    return log_tail(log, Redactor())


def test_the_last_lines_are_told_and_no_more_than_fit(folder: JobFolder) -> None:
    lines = [f"step {step}" for step in range(100)]
    assert tail_of(folder, "\n".join(lines)).splitlines() == lines[-TAIL_LINES:]
    assert len(tail_of(folder, "x" * 3 * TAIL_BYTES)) == TAIL_BYTES


def test_frames_of_a_native_stack_do_not_push_the_error_out(folder: JobFolder) -> None:
    stack = "\n".join([FRAME] * 60)
    tail = tail_of(folder, f"ValueError: bad batch\n*** Check failure stack trace: ***\n{stack}\n")
    assert tail == "ValueError: bad batch\n*** Check failure stack trace: ***"
