"""Ranks are numbered node by node, as torchrun numbers them; and what is executed for them."""

import pytest

from launcher.model.gang import Gang, GangNode
from launcher.model.launch import Entrypoint

GANG = Gang(
    "digits",
    1,
    (GangNode(0, "10.0.0.1", 2), GangNode(1, "10.0.0.2", 1), GangNode(2, "::1", 3)),
    29500,
)


def test_rank_0_is_on_the_node_where_all_meet():
    first = next(GANG.ranks())
    assert (first.rank, first.node.address) == (0, GANG.master_addr)


def test_every_rank_has_its_number_on_its_node():
    assert GANG.world_size == 6
    assert [(r.rank, r.local_rank, r.node.index) for r in GANG.ranks()] == [
        (0, 0, 0), (1, 1, 0), (2, 0, 1), (3, 0, 2), (4, 1, 2), (5, 2, 2),
    ]  # fmt: skip
    assert [rank.rank for rank in GANG.on_node(2)] == [3, 4, 5]


@pytest.mark.parametrize(
    ("entrypoint", "argv"),
    [
        (Entrypoint("script", ("train.py", "-x"), ("-u",)), ["py", "-u", "train.py", "-x"]),
        (Entrypoint("module", ("pkg.mod", "1")), ["py", "-m", "pkg.mod", "1"]),
        (Entrypoint("shell", ("echo a\necho b",)), ["bash", "-e", "-c", "echo a\necho b"]),
        (Entrypoint("exec", ("nvidia-smi", "-L")), ["nvidia-smi", "-L"]),
    ],
)
def test_a_program_is_executed_as_its_author_runs_it(entrypoint, argv):
    assert entrypoint.command("py") == argv
