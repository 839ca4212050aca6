"""From exits to a verdict: who failed first, what was collateral, and in which words."""

import signal

import pytest

from launcher.model.ending import RETRY, Ending, Retry
from launcher.model.job import RankExit
from launcher.model.verdict import (
    BEGUN_AFTER_S,
    describe_code,
    first_failing,
    judge,
    last_error_line,
    looks_like_abort_at_exit,
)

ABORTED = "terminate called without an active exception"
SIGKILL, SIGABRT = -signal.SIGKILL, -signal.SIGABRT


def exits(*codes, **more):
    return [RankExit(rank, code, after_s=float(rank), **more) for rank, code in enumerate(codes)]


def verdict(*found, expected=None, ran_s=5.0, **more):
    return judge(found, expected=expected or len(found), ran_s=ran_s, **more)


def test_all_exits_with_0_are_a_finish():
    assert verdict(*exits(0, 0)).ending is Ending.FINISHED


def test_a_missing_exit_is_no_finish():
    assert verdict(*exits(0), expected=2).ending is Ending.WORKER_LOST


def test_a_gang_that_was_stopped_has_no_first_failing_rank():
    found = verdict(*exits(SIGKILL, SIGKILL, stopped=True))
    assert (found.ending, found.first_failing) == (Ending.WORKER_LOST, None)
    assert found.words == "the gang was stopped"


def test_the_earliest_failure_is_the_first():
    late, early = RankExit(0, 1, after_s=2.0), RankExit(1, 3, after_s=1.0)
    assert first_failing([late, early]) is early


def test_of_failures_at_one_time_the_lowest_rank_is_the_first():
    assert first_failing([RankExit(1, 1), RankExit(0, 1)]).rank == 0


@pytest.mark.parametrize(
    "words",
    [
        "RuntimeError: Connection closed by peer [10.0.0.1]:4312",
        "torch.distributed.DistBackendError: NCCL error: remote process exited",
        "gloo/transport/tcp/pair.cc: gloo connection timed out",
        "BrokenPipeError: [Errno 32] Broken pipe",
        "recvValue failed on SocketImpl",
        "horovod.common.exceptions.HorovodInternalError: x",
    ],
)
def test_a_rank_that_died_of_its_peer_is_not_the_first(words):
    collateral = RankExit(0, 1, after_s=0.5, tail=words)
    cause = RankExit(1, 1, after_s=0.6, tail="ValueError: bad batch")
    assert first_failing([collateral, cause]) is cause
    assert first_failing([collateral]) is collateral


def test_ranks_that_the_stop_ended_are_never_the_first():
    cause = RankExit(1, 1, after_s=2.0)
    assert first_failing([RankExit(0, SIGKILL, stopped=True, after_s=1.0), cause]) is cause


def test_a_failure_is_told_with_rank_code_and_the_programs_own_words():
    rank = RankExit(3, 1, tail="...\nValueError: bad batch\n", reported=True)
    found = verdict(*exits(0, 0, 0), rank)
    assert found.ending is Ending.PROGRAM_FAILED
    assert (found.first_failing, found.began) == (3, True)
    assert found.words == "rank 3: exit code 1: ValueError: bad batch"


def test_who_asks_for_input_hears_that_there_is_none():
    rank = RankExit(0, 1, tail="which run? Traceback ...\nEOFError: EOF when reading a line")
    assert verdict(rank).words.endswith(
        "EOFError: EOF when reading a line"
        " (a job has no standard input: give the program its answers as arguments)"
    )


def test_the_error_file_tells_better_than_the_log():
    rank = RankExit(0, 1, tail="KeyError: 1", error="ValueError: the cause")
    assert verdict(rank).words == "rank 0: exit code 1: ValueError: the cause"


@pytest.mark.parametrize(
    "rank",
    [
        RankExit(0, SIGKILL, oom=True),
        RankExit(0, 1, tail="torch.OutOfMemoryError: CUDA out of memory. Tried to allocate"),
        RankExit(0, 1, tail="x\nMemoryError\n"),
        RankExit(0, 1, tail="[rank0]: MemoryError\n"),
        RankExit(0, SIGABRT, tail="what(): std::bad_alloc"),
    ],
)
def test_out_of_memory_is_told_apart(rank):
    found = verdict(rank)
    assert found.ending is Ending.OUT_OF_MEMORY
    assert ", out of memory" in found.words


@pytest.mark.parametrize("code", [SIGKILL, 137])
def test_a_kill_from_outside_is_told_apart(code):
    assert verdict(RankExit(0, code)).ending is Ending.KILLED


@pytest.mark.parametrize("words", ["EADDRINUSE", "OSError: [Errno 98] Address already in use"])
def test_a_taken_port_is_no_fault_of_the_program_before_it_began(words):
    found = verdict(RankExit(0, 1, tail=words))
    assert found.ending is Ending.START_TIMEOUT
    assert "another one is tried" in found.words
    assert verdict(RankExit(0, 1, tail=words, reported=True)).ending is Ending.PROGRAM_FAILED


@pytest.mark.parametrize(("ran_s", "began"), [(BEGUN_AFTER_S - 1, False), (BEGUN_AFTER_S, True)])
def test_a_silent_program_began_when_it_ran_for_a_while(ran_s, began):
    assert verdict(*exits(1), ran_s=ran_s).began is began


def test_a_lost_agent_is_the_ending_whatever_the_others_say():
    found = verdict(*exits(1), expected=2, lost=["node 1: it is gone"])
    assert found.ending is Ending.WORKER_LOST
    assert found.words == "an agent and its ranks died: node 1: it is gone"


def test_a_node_that_could_not_be_prepared_is_the_ending():
    found = verdict(expected=2, setup_errors=["node 0: disk full", "node 1: disk full"])
    assert found.ending is Ending.SETUP_FAILED
    assert found.words == "node 0: disk full; node 1: disk full"


def test_exits_are_kept_in_the_order_of_their_ranks():
    found = verdict(RankExit(1, 0), RankExit(0, 0))
    assert [rank.rank for rank in found.exits] == [0, 1]


# --- the abort in the interpreter's exit --------------------------------------------------------


def test_an_abort_after_the_last_step_is_a_success_with_a_warning():
    found = verdict(RankExit(0, SIGABRT, reported=True, finished=True), RankExit(1, 0))
    assert found.ending is Ending.EXIT_ABORTED
    assert "rank 0: killed by SIGABRT (abort)" in found.words


def test_a_silent_program_that_aborts_so_beside_a_clean_peer_did_its_work():
    found = verdict(RankExit(0, 0), RankExit(1, SIGABRT, tail=ABORTED))
    assert found.ending is Ending.EXIT_ABORTED


def test_a_silent_program_of_which_every_rank_aborts_did_not():
    found = verdict(RankExit(0, SIGABRT, tail=ABORTED), RankExit(1, SIGABRT, tail=ABORTED))
    assert found.ending is Ending.PROGRAM_FAILED


def test_a_program_that_reports_must_have_reached_its_last_step():
    aborted = RankExit(1, SIGABRT, tail=ABORTED, reported=True)
    assert verdict(RankExit(0, 0, reported=True), aborted).ending is Ending.PROGRAM_FAILED


def test_an_abort_beside_a_failure_excuses_nothing():
    found = verdict(RankExit(0, SIGABRT, finished=True), RankExit(1, 1, after_s=-1.0))
    assert (found.ending, found.first_failing) == (Ending.PROGRAM_FAILED, 1)


@pytest.mark.parametrize(
    ("rank", "looks"),
    [
        (RankExit(0, SIGABRT, tail=ABORTED), True),
        (RankExit(0, SIGABRT, finished=True), True),
        (RankExit(0, SIGABRT, tail="Assertion `x' failed"), False),
        (RankExit(0, 1, tail=ABORTED, finished=True), False),
    ],
)
def test_what_looks_like_an_abort_at_the_exit(rank, looks):
    assert looks_like_abort_at_exit(rank) is looks


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "exit code 1"),
        (-11, "killed by SIGSEGV (segmentation fault)"),
        (-7, "killed by SIGBUS (bus error, often a full /dev/shm)"),
        (-15, "killed by SIGTERM"),
        (139, "exit code 139, as after SIGSEGV (segmentation fault)"),
        (128, "exit code 128"),
        (255, "exit code 255"),
        (-99, "exit code -99"),
    ],
)
def test_codes_are_told_in_words(code, words):
    assert describe_code(code) == words


@pytest.mark.parametrize(
    ("tail", "line"),
    [
        ("a\nValueError: x\nb", "ValueError: x"),
        ("KeyError: 1\ntorch.foo.BarError: y\n", "torch.foo.BarError: y"),
        ("KeyboardInterrupt", "KeyboardInterrupt"),
        ("10%\r\x1b[31mValueError\x1b[0m: \x1b]0;title\x07x", "ValueError: x"),
        ("[rank1]: Traceback\n[rank1]: ValueError: x\n[rank1]: y\n", "ValueError: x"),  # torch
        ("no error here", ""),
        ("", ""),
    ],
)
def test_the_last_named_error_of_a_log_is_found(tail, line):
    assert last_error_line(tail) == line


def test_a_very_long_line_is_cut():
    assert len(last_error_line("ValueError: " + "x" * 5000)) == 300


JAX_ENDED = """\
F1122 04:59:13.928586   22842 client.h:80] Terminating process because the JAX distributed service \
detected fatal errors. This most likely indicates that another task died. absl::Status: """
TF_PEER = """\
tensorflow.python.framework.errors_impl.UnavailableError: Graph execution error:

Detected at node CollectiveReduceV2 defined at (most recent call last):
Collective ops is aborted by: Error reported from /job:worker/task:1: The following tasks are
"""
NEVER_CAME = f"{JAX_ENDED}DEADLINE_EXCEEDED: Deadline Exceeded\n\nRPC: /xla.coordination.\
CoordinationService/RegisterTask\n*** Check failure stack trace: ***"


@pytest.mark.parametrize("tail", [TF_PEER, f"{JAX_ENDED}UNAVAILABLE: lost"])
def test_a_rank_that_its_framework_ended_after_a_peer_is_not_the_first(tail):
    followed = RankExit(0, SIGABRT, after_s=0.5, tail=tail)
    cause = RankExit(1, SIGABRT, after_s=0.6, tail="")
    assert first_failing([followed, cause]) is cause


def test_a_rank_that_failed_and_was_ended_by_jax_at_its_exit_is_the_first():
    ended = f"{JAX_ENDED}INTERNAL: Shutdown barrier has failed"
    cause = RankExit(1, SIGABRT, after_s=300.0, tail=f"ValueError: bad batch\n{ended}")
    peer = RankExit(0, SIGABRT, after_s=299.9, tail=f"step 3\n{ended}")
    found = verdict(peer, cause)
    assert found.first_failing == 1
    assert found.words == "rank 1: killed by SIGABRT (abort): ValueError: bad batch"


@pytest.mark.parametrize(
    "tail",
    [
        "jax.errors.JaxRuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating 17592 bytes.",
        "errors_impl.ResourceExhaustedError: {{node Fill}} OOM when allocating tensor with shape",
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 32.0 TiB for an array",
        "RuntimeError: DefaultCPUAllocator: can't allocate memory (Cannot allocate memory)",
    ],
)
def test_every_frameworks_words_for_want_of_memory_are_known(tail):
    found = verdict(RankExit(2, 1, tail=tail))
    assert (found.ending, found.first_failing) == (Ending.OUT_OF_MEMORY, 2)


@pytest.mark.parametrize(
    ("code", "tail", "words"),
    [
        (SIGABRT, NEVER_CAME, "DEADLINE_EXCEEDED: Deadline Exceeded"),
        (1, "torch.distributed.DistStoreError: Timed out after 301 seconds waiting for clients.",
         "torch.distributed.DistStoreError: Timed out"),
    ],
)  # fmt: skip
def test_ranks_that_wait_in_vain_for_the_others_are_a_start_that_failed(code, tail, words):
    late = BEGUN_AFTER_S + 240.0
    found = verdict(RankExit(0, code, tail=tail), RankExit(1, SIGKILL, stopped=True), ran_s=late)
    assert (found.ending, found.first_failing, found.began) == (Ending.START_TIMEOUT, 0, False)
    assert f", as the ranks did not all meet in time: {words}" in found.words
    begun = verdict(RankExit(0, code, tail=tail, reported=True), ran_s=late)
    assert (begun.ending, begun.began) == (Ending.PROGRAM_FAILED, True)


def test_without_a_named_error_the_line_that_ended_the_process_is_told():
    text = "F1122 04:59:13.928586   22842 tensor.cc:80] Check failed: dims == 2 (3 vs. 2)"
    assert last_error_line(f"step 1\n{text}\n*** Check failure stack trace: ***") == (
        "Check failed: dims == 2 (3 vs. 2)"
    )
    assert last_error_line("I1122 04:59:13.9   22842 port.cc:153] oneDNN is on") == ""


@pytest.mark.parametrize("code", [-11, -6, -7, -4, -8])
def test_a_crash_right_after_a_warm_start_is_the_starts_fault(code: int) -> None:
    found = judge([RankExit(0, code, warm=True), RankExit(1, 0)], expected=2, ran_s=1)
    assert (found.ending, found.first_failing, found.began) == (Ending.WARM_START_FAILED, 0, False)
    assert "the next start is cold" in found.words
    assert RETRY[found.ending] is Retry.FREE


@pytest.mark.parametrize(
    "first",
    [
        RankExit(0, -11),
        RankExit(0, 1, warm=True),
        RankExit(0, -11, warm=True, reported=True),
        RankExit(0, -15, warm=True),
    ],
)
def test_any_other_failure_after_a_warm_start_is_the_programs(first: RankExit) -> None:
    assert judge([first], expected=1, ran_s=1).ending is Ending.PROGRAM_FAILED
