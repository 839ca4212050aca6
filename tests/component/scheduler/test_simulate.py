"""The command: what it prints, draws and refuses; and a piece of the real trace."""

from __future__ import annotations

import json
import os
from itertools import islice
from pathlib import Path

import pytest

from launcher.scheduler import simulate
from launcher.scheduler.simulation.outcome import percentile
from launcher.scheduler.simulation.picture import means

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("LAUNCHER_TEST_DATA", ROOT.parent / "shared/data"))
TRACE = DATA / "alibaba-gpu-2023"

NODES = """sn,cpu_milli,memory_mib,gpu,model
n0,16000,65536,4,T4
n1,16000,65536,4,T4
"""
PODS = """name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,\
creation_time,deletion_time,scheduled_time
a,1000,1024,3,1000,,LS,0,1000,0
b,1000,1024,4,1000,,LS,100,1100,100
c,1000,1024,4,1000,,LS,200,400,200
d,1000,1024,1,500,,BE,300,500,300
e,1000,1024,0,0,,BE,400,450,
"""


@pytest.fixture
def files(tmp_path):
    pods, nodes = tmp_path / "pods.csv", tmp_path / "nodes.csv"
    pods.write_text(PODS)
    nodes.write_text(NODES)
    return [str(pods), str(nodes)]


def test_it_prints_every_policy_at_every_load(files, capsys):
    assert simulate.main([*files, "--warm-up", "0"]) == 0
    printed = capsys.readouterr().out
    for load in ("1 x", "1.5 x", "2 x"):
        for policy in ("fifo", "fifo+backfill", "launcher"):
            assert f"| {load:<5} | {policy:<13} |" in printed
    assert "- 4 jobs; left out: 1 deleted before they ran" in printed
    assert "- 2 nodes (1 of all) with 8 GPUs: 2 x 4 T4" in printed
    assert "a part of a GPU takes a whole one (1 job)" in printed


def test_json_has_the_same_figures_for_programs(files, capsys):
    asked = ["--warm-up", "0", "--load", "1", "--limits", "exact", "--output", "json"]
    assert simulate.main([*files, *asked]) == 0
    told = json.loads(capsys.readouterr().out)
    longest = {run["policy"]: run["by_kind"]["BE"]["longest_s"] for run in told["runs"]}
    assert longest == {"fifo": 800, "fifo+backfill": 0, "launcher": 0}
    assert told["left_out"] == {"deleted before they ran": 1}


def test_on_far_too_many_nodes_it_says_how_many_would_be_full(files, capsys):
    Path(files[1]).write_text(NODES + "".join(f"m{n},16000,65536,4,T4\n" for n in range(98)))
    assert simulate.main([*files, "--load", "1", "--policy", "fifo"]) == 0
    assert "so many nodes are hardly ever full; --nodes-share 0.0" in capsys.readouterr().out


def test_it_draws_a_picture(files, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    picture = tmp_path / "waits.svg"
    assert simulate.main([*files, "--load", "1", "--plot", str(picture)]) == 0
    assert "1 x load: waits" in picture.read_text()


def test_a_picture_of_no_kind_is_refused(files, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    assert simulate.main([*files, "--load", "1", "--plot", "waits.pgn"]) == 2
    assert "name a .png, .svg or .pdf file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--load", "0"], "'0' is not a number above 0"),
        (["--policy", "fiof"], "no policy 'fiof'; there is fifo, "),
        (["--nodes-share", "2"], "'2' is more than all nodes"),
        (["--warm-up", "1"], "'1' leaves nothing to measure"),
        (["--priority", "BE=101"], "'BE=101' is not CLASS=N"),
        (["--saves-every", "soon"], "'soon' is not a duration"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything_runs(files, options, told, capsys):
    with pytest.raises(SystemExit) as caught:
        simulate.main([*files, *options])
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


def test_a_file_that_is_not_there_is_told_without_a_traceback(files, capsys):
    assert simulate.main(["nowhere.csv", files[1]]) == 2
    assert "error: nowhere.csv cannot be read: No such file" in capsys.readouterr().err


def test_a_trace_of_which_nothing_ran_is_told(files, capsys):
    Path(files[0]).write_text(PODS.splitlines()[0] + "\ne,1000,1024,0,0,,BE,400,450,\n")
    assert simulate.main(files) == 2
    assert "none of its pods ran and fits these nodes" in capsys.readouterr().err


def test_a_percentile_is_one_of_the_values():
    assert percentile([7.0], 0.95) == 7.0
    assert percentile(list(range(1, 101)), 0.95) == 95


def test_a_stair_is_averaged_between_two_moments():
    assert means([(1, 4), (1.5, 0)], [0, 1, 2, 3]) == [0, 2, 0]


@pytest.mark.skipif(not TRACE.is_dir(), reason=f"no {TRACE}; LAUNCHER_TEST_DATA names its folder")
def test_the_first_jobs_of_the_real_trace_run_under_every_policy(tmp_path, capsys):
    short = tmp_path / "pods.csv"
    with (TRACE / "openb_pod_list_default.csv").open() as lines:
        short.write_text("".join(islice(lines, 120)))
    nodes = str(TRACE / "openb_node_list_gpu_node.csv")
    asked = ["--nodes-share", "0.008", "--load", "1", "--output", "json"]
    assert simulate.main([str(short), nodes, *asked]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["jobs"] > 100
    assert [run["never_ran"] for run in told["runs"]] == [0, 0, 0]
