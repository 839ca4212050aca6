"""The picture of `launcher top` in the room that a terminal has."""

import re

import pytest
from rich.console import Console

from launcher.cli.live.nodes import rooms
from launcher.cli.live.occupancy import picture
from launcher.views import Amounts, ProjectView
from launcher.views_measured import NodeUse
from launcher.views_occupancy import (
    ClusterOccupancy,
    Holder,
    NodeOccupancy,
    Occupancy,
    WaitingJob,
)


def node(number, *, gpus=8, held=0, others=0):
    holders = (Holder(f"job-{number % 7}", "RUNNING", "ada", ranks=held, cpus=held, gpus=held),)
    host = f"gpu-{number:03d}.lab.example.org"
    return NodeOccupancy(f"n{number}", host, 64, gpus, holders if held else (), 0, others)


def cluster(count, name="prod"):
    return ClusterOccupancy(name, live=True, nodes=tuple(node(n, held=n % 9) for n in range(count)))


def waiting(count):
    return tuple(
        WaitingJob(
            f"llama-{n:03d}-k3m9ap", "ada", "vision", position=n + 1, reason="waits for GPUs"
        )
        for n in range(count)
    )


def drawn(seen, width, rows=0):
    console = Console(width=width, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(picture(seen, width=width, rows=rows))
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("nodes", [1, 6, 40, 200])
@pytest.mark.parametrize("jobs", [0, 3, 100])
def test_it_fits_the_terminal(width, nodes, jobs):
    seen = Occupancy(clusters=(cluster(nodes),), waiting=waiting(jobs), more=7 if jobs else 0)
    lines = drawn(seen, width, rows=24)
    assert len(lines) <= 24
    assert max(map(len, lines)) <= width
    assert "prod" in lines[0]
    assert any("llama-000" in line or "nobody waits" in line for line in lines)


def test_few_nodes_have_a_line_each_without_their_common_domain():
    lines = drawn(Occupancy(clusters=(cluster(3),)), 80, rows=24)
    assert [line.split()[0] for line in lines[2:5]] == ["gpu-000", "gpu-001", "gpu-002"]


def test_many_nodes_are_a_sign_each_and_those_who_hold_most_are_named():
    lines = drawn(Occupancy(clusters=(cluster(200),)), 80, rows=24)
    signs = "".join(line for line in lines if re.fullmatch(r"[·▁▂▃▄▅▆▇█ ]+", line) and line.strip())
    assert len(signs.replace(" ", "")) == 200
    assert "200 nodes" in lines[0]
    assert any(line.startswith("HELD BY") for line in lines)
    assert any("job-0" in line and "ada" in line for line in lines)


def test_a_cluster_without_gpus_has_no_column_for_them():
    cpus = ClusterOccupancy("cpu", live=True, nodes=(node(1, gpus=0),))
    assert not any("GPU" in line for line in drawn(Occupancy(clusters=(cpus,)), 80, rows=24))


def test_in_a_pipe_every_node_is_told_whole():
    lines = drawn(Occupancy(clusters=(cluster(200),)), 160)
    assert sum(line.startswith("gpu-") for line in lines) == 200


def test_small_clusters_leave_their_room_to_the_large():
    assert rooms([cluster(100), cluster(2), cluster(50)], 40) == [18, 5, 17]
    silent = ClusterOccupancy("lab")
    assert rooms([silent, cluster(4)], 20) == [1, 7]


def test_many_projects_are_cut_on_a_terminal():
    projects = tuple(ProjectView(f"p{number}", quota=Amounts(gpus=1.0)) for number in range(40))
    seen = Occupancy(clusters=(cluster(4),), projects=projects)
    lines = drawn(seen, 80, rows=24)
    assert any("and 32 more: launcher quota" in line for line in lines)
    assert sum(line.startswith("p") for line in drawn(seen, 160)) == 40


def test_names_of_users_move_nothing_and_are_no_markup():
    evil = "\x1b[2J[red]x"
    held = NodeOccupancy("n", evil, 4, 4, (Holder(evil, evil, evil, gpus=1),))
    clusters = (ClusterOccupancy(evil, live=True, nodes=(held,)),)
    for rows in (0, 24):
        lines = drawn(Occupancy(clusters=clusters, waiting=(WaitingJob(evil, evil),)), 120, rows)
        assert not any("\x1b" in line for line in lines)
        assert any("[red]x" in line for line in lines)


@pytest.mark.parametrize("width", [80, 160])
def test_a_node_that_many_jobs_share_keeps_its_name_and_its_figures(width):
    holders = tuple(
        Holder(f"sweep-{n}-k3m9ap", "RUNNING", "ada", ranks=1, cpus=1, gpus=0) for n in range(30)
    )
    shared = NodeOccupancy("n1", "gpu-1", 64, 8, holders, use=NodeUse(cpu=40.0, gpu=90.0))
    seen = ClusterOccupancy("prod", live=True, nodes=(shared, node(2)))
    line = next(
        line for line in drawn(Occupancy(clusters=(seen,)), width, rows=24) if "sweep-0" in line
    )
    assert "gpu-1" in line
    assert "GPU 90%" in line
    assert "30/64" in line
    assert len(line) <= width
