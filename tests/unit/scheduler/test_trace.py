"""Recorded clusters in CSV: what is read, what is assumed, and every mistake with its place."""

from __future__ import annotations

import pytest

from launcher.errors import SpecError
from launcher.scheduler.simulation.trace import read_nodes, read_pods
from launcher.scheduler.simulation.workload import Assumptions, kinds_of, share_of, workload

NODES = """sn,cpu_milli,memory_mib,gpu,model
n0,96000,393216,8,G2
n1,64000,262144,2,P100
"""
PODS = """name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,\
creation_time,deletion_time,scheduled_time
whole,12000,16384,1,1000,,LS,0,500,100
part,6000,12288,1,460,,BE,50,90,60
eight,88000,327680,8,1000,G2|P100,Burstable,20,,30
never,1000,1024,0,0,,LS,40,45,
huge,1000,1024,9,1000,,LS,40,45,41
"""


def lines(text):
    return iter(text.splitlines(keepends=True))


def nodes():
    return read_nodes(lines(NODES), "nodes.csv")


def jobs_of(text, **assumed):
    loaded = workload(read_pods(lines(text), "pods.csv"), nodes(), Assumptions(**assumed))
    return loaded, {job.job_id: job for job in loaded.jobs}


def complaints(read, text):
    with pytest.raises(SpecError) as caught:
        read(lines(text), "a.csv")
    return str(caught.value).splitlines()


def test_a_node_has_what_its_line_says():
    first, _ = nodes()
    assert first.node_id == "n0"
    assert first.total == {"CPU": 96, "memory": 384 * 2**30, "GPU": 8}
    assert first.free == first.total
    assert kinds_of(nodes()) == "1 x 8 G2, 1 x 2 P100"


def test_a_pod_becomes_a_job_of_the_same_needs_and_run_time():
    _, jobs = jobs_of(PODS)
    whole = jobs["whole"]
    assert (whole.submitted_at, whole.runs_s, whole.kind, whole.gpus) == (0, 400, "LS", 1)
    assert whole.resources.cpus_per_worker == 12
    assert whole.resources.memory_per_worker == 16 * 2**30
    assert whole.resources.accelerator is None


def test_jobs_come_in_the_order_of_their_creation():
    loaded, _ = jobs_of(PODS)
    assert [job.job_id for job in loaded.jobs] == ["whole", "eight", "part"]


def test_a_part_of_a_gpu_takes_a_whole_one_and_is_counted():
    loaded, jobs = jobs_of(PODS)
    assert jobs["part"].gpus == 1
    assert loaded.in_part == 1


def test_only_best_effort_is_preemptible_and_less_urgent():
    _, jobs = jobs_of(PODS)
    assert {name for name, job in jobs.items() if job.preemptible} == {"part"}
    assert {name: job.priority for name, job in jobs.items()} == {
        "whole": 50, "eight": 50, "part": 49,
    }  # fmt: skip


def test_a_pod_that_was_never_deleted_runs_to_the_end_of_the_record():
    _, jobs = jobs_of(PODS)
    assert jobs["eight"].runs_s == 500 - 30


def test_of_several_kinds_of_gpu_it_takes_the_one_of_which_there_are_most():
    _, jobs = jobs_of(PODS)
    assert jobs["eight"].resources.accelerator == "G2"


def test_what_never_ran_and_what_no_node_can_hold_is_left_out_and_counted():
    loaded, _ = jobs_of(PODS)
    assert loaded.left_out == {"deleted before they ran": 1, "larger than these nodes": 1}


@pytest.mark.parametrize(
    ("limits", "low", "high"), [("guessed", 1.0, 3.0), ("exact", 1.0, 1.0), ("none", None, None)]
)
def test_limits_are_what_is_assumed_of_them(limits, low, high):
    text = PODS.replace(",500,100", ",50000,100")
    _, jobs = jobs_of(text, limits=limits)
    limit, runs = jobs["whole"].lasts_s, jobs["whole"].runs_s
    assert (limit is None) if low is None else (low <= limit / runs <= high)
    assert jobs_of(text, limits=limits)[1] == jobs


def test_pods_that_ask_for_the_same_are_of_one_user_unless_all_are():
    text = PODS + "again,12000,16384,1,1000,,LS,200,300,250\n"
    _, jobs = jobs_of(text)
    assert jobs["again"].user == jobs["whole"].user != jobs["part"].user
    _, jobs = jobs_of(text, users="one")
    assert {job.user for job in jobs.values()} == {""}


def test_a_site_that_knows_more_says_so_in_columns_of_its_own():
    text = (
        "name,cpu_milli,memory_mib,num_gpu,creation_time,scheduled_time,deletion_time,"
        "workers,user,project,priority,limit_s\n"
        "gang,1000,0,2,0,0,60,4,ada,vision,70,90\n"
    )
    _, jobs = jobs_of(text)
    gang = jobs["gang"]
    assert gang.gpus == 8
    assert (gang.user, gang.project, gang.priority, gang.lasts_s) == ("ada", "vision", 70, 90)
    assert gang.kind == "-"


def test_a_priority_that_launcher_does_not_have_is_refused():
    text = "name,cpu_milli,memory_mib,num_gpu,creation_time,scheduled_time,deletion_time,priority\n"
    (told,) = complaints(read_pods, f"{text}a,1,1,1,0,0,1,500\n")
    assert told == "a.csv:2: priority is '500', not a number from 0 to 100"


def test_a_share_of_the_nodes_has_each_kind_by_its_number():
    text = "sn,cpu_milli,memory_mib,gpu,model\n"
    text += "".join(f"a{n},96000,1024,8,G2\n" for n in range(20))
    text += "".join(f"b{n},96000,1024,2,T4\n" for n in range(10))
    whole = read_nodes(lines(text), "nodes.csv")
    assert kinds_of(share_of(whole, 0.1)) == "2 x 8 G2, 1 x 2 T4"
    assert share_of(whole, 1.0) == tuple(sorted(whole, key=lambda n: (n.total["GPU"], n.node_id)))
    assert len(share_of(whole, 0.001)) == 1


# --- mistakes -------------------------------------------------------------------------------------


def test_a_missing_column_is_named():
    (told,) = complaints(read_nodes, "sn,cpu_milli,gpu\nn0,1,2\n")
    assert told == "a.csv:1: lacks the column memory_mib"


def test_every_wrong_value_is_told_with_its_line_and_column():
    text = PODS.replace("whole,12000", "whole,many").replace("88000,327680,8", "88000,327680,8.5")
    assert complaints(read_pods, text) == [
        "a.csv:2: cpu_milli is 'many', not a number from 0",
        "a.csv:4: num_gpu is '8.5', not a whole number",
    ]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("whole,1,1,1,1000,,LS,100,500,90", "scheduled_time is '90', not a number from 100"),
        ("whole,1,1,1,1000,,LS,100,140,150", "deletion_time is '140', not a number from 150"),
        ("whole,1,1,1,1000,,LS,,140,150", "creation_time is '', not a number from 0"),
        (",1,1,1,1000,,LS,100,160,150", "name is empty"),
        ("whole,nan,1,1,1000,,LS,100,160,150", "cpu_milli is 'nan', not a number from 0"),
        ("whole,1,1", "num_gpu is '', not a number from 0"),
    ],
)
def test_a_line_that_cannot_be_is_refused(wrong, told):
    heading = PODS.splitlines(keepends=True)[0]
    (complaint,) = complaints(read_pods, f"{heading}{wrong}\n")
    assert complaint == f"a.csv:2: {told}"


def test_a_name_that_comes_twice_is_told_with_both_lines():
    (told,) = complaints(read_nodes, f"{NODES}\nn0,1,1,1,T4\n")
    assert told == "a.csv:5: n0 is in line 2 already"


def test_of_very_many_mistakes_the_first_are_told():
    text = "sn,cpu_milli,memory_mib,gpu\n" + "".join(f"n{n},x,1,1\n" for n in range(30))
    told = complaints(read_nodes, text)
    assert len(told) == 11
    assert told[-1] == "and 20 more"


def test_a_file_without_lines_is_told():
    assert complaints(read_nodes, "sn,cpu_milli,memory_mib,gpu\n") == [
        "a.csv: has no line below its heading"
    ]
