import contextlib
import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from launcher.cli import _words
from launcher.cli.live import views
from launcher.cli.live.board import Board
from launcher.cli.live.lines import LONGEST_LINE, LineCutter, visible
from launcher.cli.live.screen import Screen
from launcher.cli.live.status import StatusPainter
from launcher.errors import UnreachableError
from launcher.follow import Interrupted, MetricsBatch, StateChange
from launcher.model.metric import MetricPoint
from launcher.views import CheckpointView, JobView, ProgressView

JOB = JobView("digits-k3m9ap", "digits", "RUNNING", progress=ProgressView(0, 100))


def metrics(name, *values, rank=0, attempt=1):
    points = enumerate(values, start=1)
    return MetricsBatch(
        tuple(MetricPoint(name, step, value, step / 2, attempt, rank) for step, value in points)
    )


# --- lines ----------------------------------------------------------------------------------------


def test_lines_are_cut_wherever_the_chunks_end():
    cutter = LineCutter()
    assert [cutter.feed(chunk) for chunk in (b"on", b"e\ntwo\nth", b"ree")] == [
        [],
        [b"one", b"two"],
        [],
    ]
    assert cutter.rest == b"three"


def test_a_line_that_never_ends_is_cut_before_it_fills_the_memory():
    cutter = LineCutter()
    assert cutter.feed(b"x" * (LONGEST_LINE + 1)) == [b"x" * (LONGEST_LINE + 1)]
    assert cutter.rest == b""


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x1b[2J\x1b[Hgone", "gone"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"bell\x07 back\x08 \x9b31m c1", "bell bac \ufffd31m c1"),
        (b"caf\xc3\xa9 \xff\ttab", "café \ufffd\ttab"),
        (b"\x1b[1;31mred", "\x1b[1;31mred\x1b[0m"),
        (b"\x1b", ""),
        (b"\r  5%\r 10%", " 10%"),
        (b"windows\r\n", "windows"),
    ],
)
def test_nothing_in_a_line_can_move_the_cursor_or_talk_to_the_terminal(raw, shown):
    assert visible(raw) == shown


# --- board and status -----------------------------------------------------------------------------


def test_a_curve_is_the_lowest_ranks():
    board = Board(JOB)
    board.take(metrics("loss", 9.0, 8.0, rank=1))
    board.take(metrics("loss", 3.0, rank=0))
    board.take(metrics("loss", 7.0, rank=1))
    assert list(board.curves["loss"].values) == [3.0]


def test_speed_and_time_left_come_from_the_newest_reports():
    board = Board(JOB)
    board.take(metrics("loss", *range(20)))
    assert (board.step, board.steps_per_s, board.eta_s) == (20, 2.0, 40.0)


def test_a_new_attempt_begins_its_speed_anew():
    board = Board(JOB)
    board.take(metrics("loss", *range(20)))
    board.take(metrics("loss", 1.0, 2.0, attempt=2))
    board.take(metrics("loss", *range(30)))  # late points of the dead attempt
    assert board.step == 2


def test_a_server_that_answers_again_is_silent_no_more():
    board = Board(JOB)
    board.take(Interrupted(UnreachableError("x"), 7.0))
    assert board.silent_s == 7.0
    board.take(StateChange(JOB))
    assert board.silent_s is None


def plain(painted):
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in painted]


def test_the_status_tells_state_progress_metrics_and_the_last_checkpoint():
    board = Board(JOB)
    board.take(metrics("acc", *(step / 100 for step in range(50))))
    board.take(metrics("loss", *(1 / (step + 1) for step in range(50))))
    board.take(CheckpointView(3, 1, 40, 10, created_at=100.0))
    state, values = plain(StatusPainter().paint(board, b"", width=120, now=112.0))
    assert re.match(r"RUNNING  ━{12}─{12} 50%  50/100  25s left  2 steps/s", state)
    assert re.match(r"loss 0\.02 █▃.*▁  acc 0\.49 ▁.*█  checkpoint step 40 12s ago", values)


def test_a_progress_bar_of_the_program_stands_above_the_status():
    lines = plain(StatusPainter().paint(Board(JOB), b"\r 5%\r10%|#    |", width=80, now=0.0))
    assert lines[0] == "10%|#    |"


@pytest.mark.parametrize("width", [1, 10, 40, 200])
def test_no_status_line_is_wider_than_the_terminal(width):
    board = Board(JOB)
    board.take(metrics("ключ 漢字" * 5, *range(50)))
    for line in plain(StatusPainter().paint(board, "漢".encode() * 99, width=width, now=0.0)):
        assert len(line) < max(width, 2)


def test_a_waiting_job_says_why():
    waiting = Board(JobView("a-1", "a", "QUEUED", reason="needs 4 GPUs, 2 are free"))
    assert plain(StatusPainter().paint(waiting, b"", width=80, now=0.0)) == [
        "QUEUED  needs 4 GPUs, 2 are free"
    ]


def test_a_silent_server_is_told_in_the_status():
    board = Board(JOB, silent_s=12.0)
    (line,) = plain(StatusPainter().paint(board, b"", width=120, now=0.0))
    assert "silent for 12s" in line


# --- screen ---------------------------------------------------------------------------------------


@pytest.fixture
def screen(monkeypatch):
    monkeypatch.setenv("COLUMNS", "10")
    stream = io.StringIO()
    screen = Screen(stream)
    stream.truncate(0)
    stream.seek(0)
    return screen, stream


def test_lines_scroll_above_those_that_stay(screen):
    screen, stream = screen
    screen.write(["one"], ["status"])
    screen.write(["two"], ["status", "more"])
    text = re.sub(r"\x1b\[\?2026[hl]", "", stream.getvalue())
    assert text == "one\nstatus\r\x1b[Jtwo\nstatus\nmore"


def test_nothing_is_written_when_nothing_changed(screen):
    screen, stream = screen
    screen.write([], ["status"])
    written = stream.getvalue()
    screen.write([], ["status"])
    assert stream.getvalue() == written


def test_lines_that_a_narrower_window_wrapped_are_erased_too(screen, monkeypatch):
    screen, stream = screen
    screen.write([], ["\x1b[1m0123456789\x1b[0m"])
    monkeypatch.setenv("COLUMNS", "4")
    screen.write([], ["x"])
    assert "\r\x1b[A\x1b[A\x1b[Jx" in stream.getvalue()


# --- views ----------------------------------------------------------------------------------------


@pytest.fixture
def terminal_view(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr("sys.stdout", shown)
    monkeypatch.setenv("COLUMNS", "80")
    now = [0.0]
    monkeypatch.setattr(views.time, "monotonic", lambda: now[0])
    view = views.TerminalView("digits-k3m9ap", labelled=False, grep=None)
    return view, now, shown


def test_a_flood_is_skipped_with_a_word_about_it_and_its_newest_lines_are_shown(terminal_view):
    view, now, stream = terminal_view
    for tick in range(10):
        now[0] = tick / 10
        view.lines(0, [b"line %d" % line for line in range(10_000)])
        view.refresh(Board(JOB), b"")
    view.close()
    shown = stream.getvalue()
    assert shown.count("line 9999\n") >= 1
    assert shown.count("\nline ") < 4000
    skipped = [int(n.replace(",", "")) for n in re.findall(r"… ([\d,]+) lines not shown", shown)]
    assert sum(skipped) + len(re.findall(r"^line \d+$", shown, re.MULTILINE)) > 99_900
    assert "launcher logs digits-k3m9ap --rank 0" in shown


def test_what_a_person_can_read_is_shown_whole(terminal_view):
    view, _, stream = terminal_view
    view.lines(0, [b"line %d" % line for line in range(1500)])
    view.refresh(Board(JOB), b"")
    view.close()
    assert "not shown" not in stream.getvalue()
    assert stream.getvalue().count("line ") == 1500


def test_a_pipe_gets_a_line_about_the_metrics_only_every_few_seconds(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(views.time, "monotonic", lambda: now[0])
    view = views.PlainView(labelled=False, grep=None, quiet=False)
    board = Board(JOB)
    for tick in range(60):
        now[0] += 0.1
        board.take(metrics("loss", *range(tick + 1)))
        view.refresh(board, b"")
    assert capsys.readouterr().err.count("step ") == 2


# --- the whole ------------------------------------------------------------------------------------


@pytest.fixture
def ended(fake, log_message):
    """A job that will succeed while it is followed, after the server went away once."""
    job = fake.add_job(state="SUCCEEDED", workers=2, ended_at=1_700_000_080.0)
    job |= {"latest": {"loss": 0.5}, "checkpoints": {"count": 1, "newest_step": 2}}
    job |= {"progress": {"step": 2, "total_steps": 2}}
    running = job | {"state": "RUNNING", "progress": {"step": 1, "total_steps": 2}}
    point = {"name": "loss", "rank": 0, "attempt": 1, "step": 2, "value": 0.5, "time": 1.0}
    event = {"id": 1, "time": 1.0, "kind": "running", "text": "2 ranks started", "attempt": 1}
    saved = {"id": 1, "attempt": 1, "step": 2, "size": 1258291, "created_at": 1.0}
    messages = [log_message(0, b"hello\nwor"), log_message(1, b"other\n")]
    fake.follow(("state", running), ("event", event), *messages, breaks=True)
    last = log_message(0, b"ld", offset=9)
    fake.follow_end(job, last, ("metrics", {"points": [point]}), ("checkpoint", saved))
    return job


def test_a_followed_run_in_a_pipe_keeps_the_output_apart_from_the_words_about_it(
    cli, fake, ended, program, monkeypatch
):
    monkeypatch.setattr(type(fake), "_submit", lambda *_: (201, ended, {}))
    code, out, err = cli("run", "-w", "2", "--", "train.py")
    assert code == 0
    assert out == "r0 │ hello\nr1 │ other\nr0 │ world\n"
    for words in (
        "2 ranks started",
        "step 2/2  loss 0.5",
        "checkpoint at step 2 committed (1.2 MiB)",
        "digits-k3m9ap SUCCEEDED after 1m20s",
        "launcher checkpoints get digits-k3m9ap",
        "launcher logs digits-k3m9ap",
    ):
        assert words in err


def test_followed_logs_in_a_pipe_are_the_output_alone(cli, fake, ended):
    code, out, err = cli("logs", "digits", "-f", "--grep", "l")
    assert code == 0
    assert out == "r0 │ hello\nr0 │ world\n"
    assert err == "digits-k3m9ap SUCCEEDED after 1m20s\n"


def test_the_output_of_a_single_rank_comes_byte_for_byte_while_it_is_followed(
    capfdbinary, fake, log_message
):
    from launcher.cli._main import call

    job = fake.add_job(state="SUCCEEDED")
    fake.follow_end(job, log_message(0, b"\r10%\r20%\x00"), log_message(0, b"\xff", offset=9))
    assert call(["logs", "digits", "-f"]) == 0
    assert capfdbinary.readouterr().out == b"\r10%\r20%\x00\xff"


@pytest.mark.parametrize(("state", "code"), [("FAILED", 1), ("CANCELLED", 6)])
@pytest.mark.usefixtures("program")
def test_the_exit_code_of_a_run_is_the_jobs_outcome(cli, fake, monkeypatch, state, code):
    failed = {"number": 1, "ending": "PROGRAM_FAILED", "first_failing": 1}
    tail = "Traceback (most recent call last):\nRuntimeError: out of luck\n"
    exits = [{"rank": 0, "code": -15, "stopped": True}, {"rank": 1, "code": 3, "tail": tail}]
    job = fake.add_job(state=state, reason="rank 1 exited", attempts=[failed | {"exits": exits}])
    fake.follow_end(job)
    monkeypatch.setattr(type(fake), "_submit", lambda *_: (201, job, {}))
    got, _, err = cli("run", "--", "train.py")
    assert got == code
    assert f"{state}: rank 1 exited" in err
    assert ("rank 1 failed first (exit code 3)" in err) == (state == "FAILED")
    assert ("RuntimeError: out of luck" in err) == (state == "FAILED")


@contextlib.contextmanager
def in_terminal(*words, cwd):
    """A command line in a terminal of its own: its process and the terminal's other end."""
    mine, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key not in {"CI", "NO_COLOR"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "launcher", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        env=environment | {"TERM": "xterm", "COLUMNS": "100"},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield process, mine
    finally:
        process.kill()
        process.wait()
        os.close(mine)


def read_until(terminal, pattern, limit_s=20.0):
    text, give_up = "", time.monotonic() + limit_s
    while not re.search(pattern, text):
        assert time.monotonic() < give_up, text
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                text += os.read(terminal, 65536).decode()
            except OSError:  # the other end is closed
                assert re.search(pattern, text), text
    return text


def test_interrupting_a_followed_job_leaves_it_and_says_how_to_come_back(
    fake, log_message, program
):
    job = fake.add_job()
    fake.follow(("state", job), log_message(0, b"\x1b[31mhello\n"), breaks=True)
    fake.follows += [((), True)] * 1000
    with in_terminal("logs", "digits", "-f", cwd=program) as (process, terminal):
        text = read_until(terminal, "hello(?s:.*)RUNNING")
        assert "\x1b[31mhello\x1b[0m\r\n" in text
        process.send_signal(signal.SIGINT)
        text = read_until(terminal, "launcher cancel digits-k3m9ap")
        assert "\x1b[?25h" in text
        assert "launcher logs digits-k3m9ap -f" in text
        assert process.wait(20) == 130
    assert not any(path.endswith("cancel") for _, path, _ in fake.requests)


def test_a_log_cannot_harm_the_terminal_that_shows_it(fake, program):
    fake.add_job()
    fake.logs[1, 0] = b"\x1b]0;owned\x07\x1b[2Jclean\n"
    with in_terminal("logs", "digits", cwd=program) as (_, terminal):
        text = read_until(terminal, "clean")
    assert "owned" not in text
    assert "\x1b[2J" not in text


# --- words ----------------------------------------------------------------------------------------


def test_a_flat_curve_is_drawn_flat():
    assert _words.sparkline([1.0, 1.0, 1.0]) == "▁▁▁"
    assert _words.sparkline([]) == ""
    assert _words.sparkline([float("nan")]) == ""
