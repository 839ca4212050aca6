"""Whether the ranks of a gang meet, read from tables as the kernel writes them."""

import json

import pytest

from launcher.executor.meeting import Meeting
from launcher.executor.sockets import Connection, connections, names_port, talk
from launcher.frameworks import load
from launcher.model.gang import Gang, GangNode

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"  # noqa: E501
PORT = 0x5BA0  # 23456


def row(local, remote, state="01", inode=7):
    return f"   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000  0 0 {inode} 1 0"


def table(*rows):
    return "\n".join([HEAD, *rows])


LISTENS = row("00000000:5BA0", "00000000:0000", "0A")
JUST_CLOSED = row("0100007F:C001", "0100007F:5BA0", "06", inode=0)
OF_OTHERS = row("0100007F:15BA", "0100007F:A05B")


@pytest.mark.parametrize(
    ("rows", "is_named"),
    [([LISTENS], True), ([OF_OTHERS, JUST_CLOSED], True), ([OF_OTHERS], False)],
)
def test_a_port_is_open_while_it_listens_and_for_a_minute_after_its_close(rows, is_named):
    assert names_port(table(*rows), PORT) is is_named


def test_connections_are_read_in_both_families():
    v4 = table(LISTENS, row("0101000A:1F90", "0201000A:C001", inode=11))
    v6 = table(
        row("0000000000000000FFFF00000100007F:1F90", "0000000000000000FFFF00000100007F:C001"),
        row("00000000000000000000000001000000:0001", "B80D01200000000000000000010000FF:0002"),
    )
    assert list(connections(v4)) == [Connection(("10.0.1.1", 8080), ("10.0.1.2", 49153), 11)]
    assert [(one.local, one.remote) for one in connections(v6)] == [
        (("127.0.0.1", 8080), ("127.0.0.1", 49153)),
        (("::1", 1), ("2001:db8::ff00:1", 2)),
    ]


HERE, THERE = ("10.0.0.1", 1000), ("10.0.0.1", 2000)
BOTH_ENDS = [Connection(HERE, THERE, 1), Connection(THERE, HERE, 2)]


@pytest.mark.parametrize(
    ("owners", "elsewhere", "do_talk"),
    [
        ({1: 0, 2: 1}, set(), True),
        ({1: 0, 2: 0}, set(), False),  # a rank and its own service
        ({1: 0}, set(), False),  # a rank and a service of the machine
        ({1: 0}, {"10.0.0.1"}, True),
        ({}, {"10.0.0.1"}, False),
    ],
)
def test_ranks_talk_when_a_connection_of_one_ends_at_another(owners, elsewhere, do_talk):
    assert talk(BOTH_ENDS, owners, elsewhere) is do_talk


class Attempt:
    """A gang of two ranks on one node, and what is seen of it."""

    def __init__(self, folder, framework="pytorch"):
        self.tables = [table(OF_OTHERS), HEAD]
        self.spool = folder / "rank-0.spool"
        self.warnings = []
        gang = Gang("job-aaaaaa", 1, (GangNode(0, "10.0.0.1", 2),), PORT)
        self.meeting = Meeting(
            gang,
            load(framework),
            self.spool,
            pids=dict,
            warn=self.warnings.append,
            tables=lambda: self.tables,
        )

    def report(self, *steps):
        records = [json.dumps({"t": 1.0, "k": "m", "step": step, "m": {}}) for step in steps]
        self.spool.write_text("".join(f"{record}\n" for record in records))
        self.meeting.look()


def test_a_program_that_trains_and_never_met_is_told_once_and_what_to_do(tmp_path):
    attempt = Attempt(tmp_path)
    attempt.report(1, 2)
    attempt.report(1, 2, 3)
    attempt.meeting.finish(ended_well=True)
    [told] = attempt.warnings
    assert told == (
        "your program is not distributed: no rank opened MASTER_PORT, so unless they talk"
        " some other way each of the 2 ranks trained alone; call"
        " torch.distributed.init_process_group() and wrap the model in DistributedDataParallel,"
        " or set resources.workers to 1"
    )


def test_a_program_that_prepares_for_long_is_in_no_hurry_to_meet(tmp_path):
    attempt = Attempt(tmp_path)
    attempt.meeting.look()
    attempt.report(1)  # how many samples it found, say
    attempt.tables.append(table(LISTENS))
    attempt.report(1, 2)
    attempt.tables.clear()
    attempt.report(1, 2, 3)
    attempt.meeting.finish(ended_well=True)
    assert attempt.warnings == []


def test_a_program_that_was_too_short_to_be_seen_is_judged_by_what_it_left(tmp_path):
    attempt = Attempt(tmp_path)
    attempt.tables.append(table(JUST_CLOSED))
    attempt.meeting.finish(ended_well=True)
    assert attempt.warnings == []


def test_one_that_reports_nothing_is_told_at_its_end(tmp_path):
    attempt = Attempt(tmp_path)
    attempt.meeting.look()
    assert attempt.warnings == []
    attempt.meeting.finish(ended_well=True)
    assert len(attempt.warnings) == 1


def test_one_that_failed_or_was_stopped_before_it_met_has_other_worries(tmp_path):
    attempt = Attempt(tmp_path)
    attempt.meeting.finish(ended_well=False)
    assert attempt.warnings == []


def test_commands_are_told_only_when_they_train(tmp_path):
    hello, trains = (Attempt(tmp_path, "command") for _ in range(2))
    hello.meeting.finish(ended_well=True)
    assert hello.warnings == []
    trains.report(1, 2)
    assert "MASTER_ADDR:MASTER_PORT" in trains.warnings[0]
